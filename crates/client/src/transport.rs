use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Proxy, Response, redirect};
use sandbar_protocol::{API_KEY_HEADER, IDEMPOTENCY_KEY_HEADER, PROJECT_ID_HEADER, REQUEST_ID_HEADER, Sandbox};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::answer::{RawAnswer, header};
use crate::error::{Call, TransportKind};
use crate::in_flight::InFlight;
use crate::refusal::api_error;
use crate::request::{Limits, Request};
use crate::retry::{self, Budget, Fate, Repeat};
use crate::unreachable::{causes_of, kind_of};
use crate::{ClientError, Endpoint, tls};

const USER_AGENT: &str = concat!("sandbar/", env!("CARGO_PKG_VERSION"));
/// How many connections are kept for later calls: a burst of calls needs more only while it lasts.
const MOST_IDLE: usize = 128;
/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// Sends requests to one endpoint over a pool of kept-alive connections.
pub(crate) struct Transport {
    endpoint: Endpoint,
    /// Made at the first request, so that making a client costs nothing.
    http: OnceLock<reqwest::Client>,
    budget: Budget,
    /// Whether the service keeps idempotency keys, once an answer has told.
    keeps_keys: OnceLock<bool>,
    /// Creates that are not yet over, those included that nobody waits for any more.
    pub(crate) creations: InFlight,
}

/// What reading an answer gives.
pub(crate) type Reading<T> = Result<T, ClientError>;

impl Transport {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            http: OnceLock::new(),
            budget: Budget::default(),
            keeps_keys: OnceLock::new(),
            creations: InFlight::default(),
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a request until it has an answer that `read` takes: as often, and as long, as its limits allow.
    pub(crate) async fn send<T>(&self, request: &Request, read: fn(RawAnswer) -> Reading<T>) -> Reading<T> {
        let deadline = Instant::now() + request.limits.timeout;
        let mut last: Option<ClientError> = None;
        let mut attempts = 0;
        let mut unknown = false;
        loop {
            attempts += 1;
            let error = match self.attempt(request, attempts, deadline, last.as_ref()).await.and_then(read) {
                Ok(answer) => {
                    self.budget.earn();
                    // It is the service's own, and without the key: a gateway's page or error would not tell that.
                    if request.idempotency_key.is_some() {
                        let _ = self.keeps_keys.set(false);
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let fate = Fate::of(&error);
            // A refusal for good settles what attempts before it may have done: under one key, all of them are one. To
            // come again later is what a gateway may ask for as well, which knows nothing of them.
            let settled = fate == Fate::Settled && matches!(error, ClientError::Api(_));
            unknown = fate == Fate::Unknown || (unknown && !settled);
            match self.pause_before_repeat(request, fate, &error, attempts, deadline).await {
                Some(pause) => sleep(pause).await,
                None if unknown && request.repeat == Repeat::Keyed => return Err(error.with_outcome_unknown()),
                None => return Err(error),
            }
            last = Some(error);
        }
    }

    /// How long to wait before a request is sent again that failed for the `attempts`th time; `None` if it is not.
    async fn pause_before_repeat(
        &self,
        request: &Request,
        fate: Fate,
        error: &ClientError,
        attempts: u32,
        deadline: Instant,
    ) -> Option<Duration> {
        let Limits { max_retries, budgeted, .. } = request.limits;
        let pause = retry::pause(attempts, error.retry_after());
        let in_time = pause < deadline.saturating_duration_since(Instant::now());
        if fate == Fate::Settled || attempts > max_retries || !in_time {
            return None;
        }
        let is_safe = fate == Fate::Untouched || request.repeat == Repeat::Harmless;
        let may = (is_safe || self.keeps_keys(request, deadline).await) && (!budgeted || self.budget.spend());
        may.then_some(pause)
    }

    /// Whether the service answers a repeat under a key with the first result. One that does echoes the key.
    pub(crate) async fn keeps_keys(&self, request: &Request, deadline: Instant) -> bool {
        if let Some(known) = self.keeps_keys.get() {
            return *known;
        }
        // Any route tells; this one asks for little.
        let timeout = deadline.saturating_duration_since(Instant::now());
        let mut look =
            Request::get("/sandboxes", Limits { timeout, ..request.limits }).query([("limit", "1".to_owned())]);
        look.idempotency_key.clone_from(&request.idempotency_key);
        // Boxed: it is one send within another, and asks for no third one, as it is harmless.
        let _ = Box::pin(self.send(&look, RawAnswer::array::<Sandbox>)).await;
        self.keeps_keys.get() == Some(&true)
    }

    /// Sends a request once.
    async fn attempt(
        &self,
        request: &Request,
        attempts: u32,
        deadline: Instant,
        before: Option<&ClientError>,
    ) -> Result<RawAnswer, ClientError> {
        let mut url = self.endpoint.base_url.join(&request.path);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut call = Call {
            method: method_name(request),
            path: url.path().to_owned(),
            request_id: Uuid::new_v4().to_string(),
            attempts,
            sandbox_id: request.sandbox_id.clone(),
            idempotency_key: request.idempotency_key.clone(),
            outcome_unknown: false,
        };
        let exchange = async {
            let response = self.request(url, request, &call.request_id)?.send().await?;
            read(response).await
        };
        let (status, headers, body) = match tokio::time::timeout_at(deadline, exchange).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure)) => return Err(self.describe(failure, call)),
            Err(_) => {
                let causes = before.map(ToString::to_string).into_iter().collect();
                let limit = request.limits.timeout;
                return Err(ClientError::RequestTimeout { limit, causes, call: Box::new(call) });
            }
        };
        if let Some(echo) = header(&headers, REQUEST_ID_HEADER) {
            call.request_id = echo.to_owned();
        }
        // Who echoes the key keeps it.
        if request.idempotency_key.is_some()
            && header(&headers, IDEMPOTENCY_KEY_HEADER) == request.idempotency_key.as_deref()
        {
            let _ = self.keeps_keys.set(true);
        }
        if (200..300).contains(&status) {
            return Ok(RawAnswer { status, headers, body, call });
        }
        let text = self.without_key(&String::from_utf8_lossy(&body));
        Err(ClientError::Api(Box::new(api_error(status, &headers, &text, call))))
    }

    fn request(&self, url: url::Url, request: &Request, request_id: &str) -> Result<reqwest::RequestBuilder, Failure> {
        let mut builder = self.http()?.request(request.method.clone(), url).header(REQUEST_ID_HEADER, request_id);
        if let Some(key) = &request.idempotency_key {
            builder = builder.header(IDEMPOTENCY_KEY_HEADER, key);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body.clone());
        }
        Ok(builder)
    }

    fn http(&self) -> Result<&reqwest::Client, Failure> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        // Two first requests at once may both make one; the first to be done is kept.
        let http = self.make_http()?;
        Ok(self.http.get_or_init(|| http))
    }

    fn make_http(&self) -> Result<reqwest::Client, Failure> {
        let Endpoint { base_url, proxy, ca, .. } = &self.endpoint;
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(self.default_headers())
            .tls_backend_preconfigured(tls::client_config(ca.as_deref()).map_err(Failure::Setup)?)
            .redirect(redirect::Policy::none())
            .connect_timeout(self.endpoint.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(MOST_IDLE)
            .tcp_nodelay(true);
        if base_url.is_loopback() {
            builder = builder.no_proxy();
        } else if let Some(proxy) = proxy {
            builder = builder.proxy(Proxy::all(proxy.expose())?);
        }
        Ok(builder.build()?)
    }

    fn default_headers(&self) -> HeaderMap {
        let Endpoint { api_key, project_id, .. } = &self.endpoint;
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        // Both were checked when the configuration was made.
        if let Ok(mut key) = HeaderValue::from_str(api_key.expose()) {
            key.set_sensitive(true);
            headers.insert(HeaderName::from_static(API_KEY_HEADER), key);
        }
        if let Some(project) = project_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(HeaderName::from_static(PROJECT_ID_HEADER), project);
        }
        headers
    }

    fn describe(&self, failure: Failure, call: Call) -> ClientError {
        let call = Box::new(call);
        let (kind, causes) = match failure {
            Failure::Http(error) => {
                let through_proxy = self.endpoint.proxy.is_some() && !self.endpoint.base_url.is_loopback();
                (kind_of(&error, through_proxy), causes_of(&error))
            }
            Failure::Setup(cause) => (TransportKind::Tls, vec![cause]),
            Failure::TooLarge { status, content_type } => {
                let problem = format!("a body larger than {} MiB", MAX_BODY / 1024 / 1024);
                return ClientError::InvalidAnswer { status, content_type, excerpt: String::new(), problem, call };
            }
        };
        ClientError::Transport { kind, origin: self.endpoint.base_url.origin(), causes, call }
    }

    /// The error of a call whose runtime ended before it did.
    pub(crate) fn stopped(&self) -> ClientError {
        let causes = vec!["the runtime was shut down, or the call panicked".to_owned()];
        let origin = self.endpoint.base_url.origin();
        ClientError::Transport { kind: TransportKind::Other, origin, causes, call: Box::default() }
    }

    /// Services that repeat the key they refuse exist.
    fn without_key(&self, text: &str) -> String {
        text.replace(self.endpoint.api_key.expose(), "[redacted]")
    }
}

/// Why there is no answer.
enum Failure {
    Http(reqwest::Error),
    Setup(String),
    TooLarge { status: u16, content_type: String },
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

async fn read(mut response: Response) -> Result<(u16, HeaderMap, Vec<u8>), Failure> {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
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
        _ => "GET",
    }
}
