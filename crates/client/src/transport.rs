use std::borrow::Cow;
use std::sync::OnceLock;

use http_body_util::Full;
use hyper::Uri;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::http::uri::PathAndQuery;
use sandbar_protocol::{
    ACCESS_TOKEN_HEADER, API_KEY_HEADER, IDEMPOTENCY_KEY_HEADER, PROJECT_ID_HEADER, REQUEST_ID_HEADER, Secret,
};
use tokio::time::Instant;
use url::form_urlencoded;

use crate::answer::{RawAnswer, header};
use crate::context::Context;
use crate::error::{Awaited, Call, TransportKind};
use crate::holds::Holds;
use crate::http::{Carrier, Http, HttpAnswer, HttpError, Outgoing, origin_of};
use crate::ids::new_id;
use crate::in_flight::InFlight;
use crate::redaction::Redaction;
use crate::refusal::api_error;
use crate::request::{Body, Request, Takes, Target};
use crate::retry::Budget;
use crate::unreachable::{causes_of, kind_of};
use crate::waiting::Waiting;
use crate::{ClientError, Endpoint};

/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 32 * 1024 * 1024;

const PRODUCT: &str = concat!("sandbar/", env!("CARGO_PKG_VERSION"));

/// Sends requests to one endpoint over a pool of kept-alive connections.
pub(crate) struct Transport {
    pub(crate) endpoint: Endpoint,
    /// Of every request; and of those to the service.
    headers: HeaderMap,
    service_headers: HeaderMap,
    /// Made at the first request, so that making a client costs nothing.
    pub(crate) http: OnceLock<Http>,
    pub(crate) http_without_pool: OnceLock<Http>,
    pub(crate) budget: Budget,
    /// Whether the service keeps idempotency keys, once an answer has told.
    pub(crate) keeps_keys: OnceLock<bool>,
    /// Creates that are not yet over, those included that nobody waits for any more.
    pub(crate) creations: InFlight,
    pub(crate) holds: Holds,
    pub(crate) waiting: Waiting,
}

impl Transport {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        let headers = headers();
        Self {
            service_headers: service_headers(headers.clone(), &endpoint),
            headers,
            holds: Holds::at(&endpoint.base_url),
            endpoint,
            http: OnceLock::new(),
            http_without_pool: OnceLock::new(),
            budget: Budget::default(),
            keeps_keys: OnceLock::new(),
            creations: InFlight::default(),
            waiting: Waiting::default(),
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a request once, and reads its answer as a whole.
    pub(crate) async fn attempt(
        &self,
        request: &Request,
        context: &Context,
        attempt: Attempt<'_>,
    ) -> Result<RawAnswer, ClientError> {
        let Opened { response, call, .. } = self.open(request, context, attempt).await?;
        let begun = Instant::now();
        let carrier = response.carrier();
        let (status, headers, body) = match tokio::time::timeout_at(attempt.deadline, read(response)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure)) => {
                let error = self.describe(failure, request, call);
                return Err(context.journal.failed(error, begun.elapsed()));
            }
            Err(_) => {
                carrier.retire();
                return Err(context.journal.failed(late(request, attempt.before, call), begun.elapsed()));
            }
        };
        // What is no JSON at all is shown in the error that it becomes.
        let is_json = body.first().is_none_or(|first| b"{[".contains(first));
        let body = if is_json { body } else { self.redaction(request, context).apply(&lossy(&body)).into_bytes() };
        Ok(RawAnswer { status, headers, body, call })
    }

    /// Sends a request once. The body of a successful answer is left to be read.
    pub(crate) async fn open(
        &self,
        request: &Request,
        context: &Context,
        attempt: Attempt<'_>,
    ) -> Result<Opened, ClientError> {
        let target = self.target(request);
        let mut call = Call {
            method: method_name(request),
            path: target.split_once('?').map_or(&*target, |(path, _)| path).to_owned(),
            request_id: new_id().to_string(),
            attempts: attempt.number,
            sandbox_id: request.sandbox_id.clone(),
            idempotency_key: request.idempotency_key.clone(),
            outcome_unknown: false,
            earlier_unknown: attempt.earlier_unknown,
        };
        let begun = Instant::now();
        let journal = &context.journal;
        if self.exposes_token(request) {
            return Err(journal.failed(self.describe(Failure::Insecure, request, call), begun.elapsed()));
        }
        let mut carrier = None;
        let exchange = async {
            let http = if request.on_new_connection { self.http_without_pool(journal)? } else { self.http(journal)? };
            let mut outgoing = self.request(target, request, context, &call.request_id)?;
            carrier = Some(Carrier::of(&mut outgoing));
            let response = http.send(outgoing).await?;
            // Errors are small, and read here.
            let is_taken = response.is_success() || request.takes == Takes::Anything;
            Ok::<_, Failure>(if is_taken { Ok(response) } else { Err(read(response).await?) })
        };
        let outcome = match tokio::time::timeout_at(attempt.deadline, exchange).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(failure)) => return Err(journal.failed(self.describe(failure, request, call), begun.elapsed())),
            Err(_) => {
                carrier.iter().for_each(Carrier::retire);
                return Err(journal.failed(late(request, attempt.before, call), begun.elapsed()));
            }
        };
        let (status, headers) = match &outcome {
            Ok(response) => (response.status(), response.headers()),
            Err((status, headers, _)) => (*status, headers),
        };
        // What the service says instead of it may be what it was sent.
        if let Some(echo) = header(headers, REQUEST_ID_HEADER).filter(|echo| *echo != call.request_id) {
            call.request_id = self.redaction(request, context).apply(echo);
        }
        // Who echoes the key keeps it.
        let echo = header(headers, IDEMPOTENCY_KEY_HEADER);
        if request.idempotency_key.is_some() && echo == request.idempotency_key.as_deref() {
            let _ = self.keeps_keys.set(true);
        }
        journal.answered(&call, status, begun.elapsed());
        match outcome {
            Ok(response) => Ok(Opened { response, call, redaction: Redaction::default() }),
            Err((status, headers, body)) => {
                let redaction = self.redaction(request, context);
                Err(ClientError::Api(Box::new(api_error(status, &headers, &body, &redaction, call))))
            }
        }
    }

    /// The path and query of a request.
    fn target(&self, request: &Request) -> String {
        let mut target = match &request.target {
            Target::Service(path) => self.endpoint.base_url.path_of(path),
            Target::Runtime { place, path } => place.path_of(path),
        };
        if !request.query.is_empty() {
            target.push(if target.contains('?') { '&' } else { '?' });
            let end = target.len();
            target = form_urlencoded::Serializer::for_suffix(target, end).extend_pairs(&request.query).finish();
        }
        target
    }

    fn request(
        &self,
        target: String,
        request: &Request,
        context: &Context,
        request_id: &str,
    ) -> Result<hyper::Request<Outgoing>, HttpError> {
        let (server, mut headers) = match &request.target {
            Target::Service(_) => {
                let mut headers = self.service_headers.clone();
                headers.extend(context.headers.map().clone());
                (self.endpoint.base_url.server(), headers)
            }
            // The caller's headers are for the service: a sandbox runs code that it does not trust.
            Target::Runtime { place, .. } => {
                let mut headers = self.headers.clone();
                headers.insert(ACCESS_TOKEN_HEADER, sensitive(&place.token));
                headers.extend(context.headers.of_trace());
                (&place.server, headers)
            }
        };
        headers.insert(REQUEST_ID_HEADER, HeaderValue::from_str(request_id)?);
        if let Some(key) = &request.idempotency_key {
            headers.insert(IDEMPOTENCY_KEY_HEADER, HeaderValue::from_str(key)?);
        }
        let body = match &request.body {
            None => Outgoing::Left(Full::default()),
            Some(body) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(body.content_type()));
                body.take()
            }
        };
        headers.extend(request.headers.clone());
        let mut parts = server.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(target)?);
        let mut built = hyper::Request::new(body);
        *built.method_mut() = request.method.clone();
        *built.uri_mut() = Uri::from_parts(parts)?;
        *built.headers_mut() = headers;
        Ok(built)
    }

    fn describe(&self, failure: Failure, request: &Request, call: Call) -> ClientError {
        let call = Box::new(call);
        let (kind, causes) = match failure {
            Failure::Http(error) => {
                let through_proxy = self.endpoint.proxies.stand_before(self.server_of(request));
                (kind_of(&*error, through_proxy), causes_of(&*error))
            }
            Failure::Setup(cause) => (TransportKind::Tls, vec![cause]),
            Failure::Insecure => (TransportKind::Insecure, Vec::new()),
            Failure::TooLarge { status, content_type } => {
                let problem = format!("a body larger than {} MiB", MAX_BODY / 1024 / 1024);
                return ClientError::InvalidAnswer { status, content_type, excerpt: String::new(), problem, call };
            }
        };
        let origin = match &request.target {
            Target::Service(_) => self.endpoint.base_url.origin(),
            Target::Runtime { place, .. } => origin_of(&place.server),
        };
        ClientError::Transport { kind, origin, causes, call }
    }

    /// Whether a request would send an access token without TLS that came over TLS.
    fn exposes_token(&self, request: &Request) -> bool {
        let Target::Runtime { place, .. } = &request.target else { return false };
        self.endpoint.base_url.url().scheme() == "https" && place.is_exposed()
    }

    /// Where a request goes; its path does not count.
    fn server_of<'a>(&'a self, request: &'a Request) -> &'a Uri {
        match &request.target {
            Target::Service(_) => self.endpoint.base_url.server(),
            Target::Runtime { place, .. } => &place.server,
        }
    }

    /// The error of a call whose runtime ended before it did.
    pub(crate) fn stopped(&self) -> ClientError {
        let causes = vec!["the runtime was shut down, or the call panicked".to_owned()];
        let origin = self.endpoint.base_url.origin();
        ClientError::Transport { kind: TransportKind::Other, origin, causes, call: Box::default() }
    }

    /// The secrets of a request: services that repeat what they refuse exist.
    pub(crate) fn redaction(&self, request: &Request, context: &Context) -> Redaction {
        let mut redaction = Redaction::default();
        redaction.hide_token(self.endpoint.api_key.expose());
        if let Target::Runtime { place, .. } = &request.target {
            redaction.hide_token(place.token.expose());
        }
        context.headers.secrets().for_each(|value| redaction.hide_header(value));
        if let Some(body) = request.body.as_ref().and_then(Body::as_json) {
            redaction.hide_variables_in(&body);
        }
        redaction
    }
}

fn lossy(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}

fn headers() -> HeaderMap {
    let accept = (ACCEPT, HeaderValue::from_static("application/json"));
    HeaderMap::from_iter([accept, (USER_AGENT, HeaderValue::from_static(PRODUCT))])
}

fn service_headers(mut headers: HeaderMap, endpoint: &Endpoint) -> HeaderMap {
    let Endpoint { api_key, project_id, .. } = endpoint;
    headers.insert(HeaderName::from_static(API_KEY_HEADER), sensitive(api_key));
    // Checked when the configuration was made.
    if let Some(project) = project_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert(HeaderName::from_static(PROJECT_ID_HEADER), project);
    }
    headers
}

/// A secret as a header, empty if it can't be one.
fn sensitive(secret: &Secret) -> HeaderValue {
    let mut value = HeaderValue::from_str(secret.expose()).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn late(request: &Request, before: Option<&ClientError>, call: Call) -> ClientError {
    let causes = before.map(ToString::to_string).into_iter().collect();
    let (limit, awaited) = (request.limits.timeout, Awaited::Answer);
    ClientError::RequestTimeout { limit, awaited, causes, call: Box::new(call) }
}

/// One sending of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    /// 1 for the first.
    pub(crate) number: u32,
    pub(crate) deadline: Instant,
    /// How the one before failed.
    pub(crate) before: Option<&'a ClientError>,
    /// Whether one of those before may have taken effect.
    pub(crate) earlier_unknown: bool,
}

/// A successful answer whose body is still to be read.
pub(crate) struct Opened {
    pub(crate) response: HttpAnswer,
    pub(crate) call: Call,
    /// The secrets of its request, if what it says at its end may become an error.
    pub(crate) redaction: Redaction,
}

/// Why there is no answer.
pub(crate) enum Failure {
    Http(HttpError),
    Setup(String),
    Insecure,
    TooLarge { status: u16, content_type: String },
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

async fn read(mut response: HttpAnswer) -> Result<(u16, HeaderMap, Vec<u8>), Failure> {
    let status = response.status();
    let headers = response.take_headers();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BODY {
            let content_type = header(&headers, CONTENT_TYPE.as_str()).unwrap_or_default().to_owned();
            return Err(Failure::TooLarge { status, content_type });
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, headers, body))
}

fn method_name(request: &Request) -> &'static str {
    match request.method.as_str() {
        "POST" => "POST",
        "DELETE" => "DELETE",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "GET",
    }
}
