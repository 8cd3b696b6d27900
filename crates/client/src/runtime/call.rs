use std::borrow::Cow;
use std::io;
use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Runtime;
use super::frames::Frames;
use crate::answer::RawAnswer;
use crate::client::LONGEST_TIMEOUT;
use crate::request::{Body, Limits, Request, Takes, Target, json_bytes};
use crate::retry::Repeat;
use crate::sending::Reading;
use crate::transport::Opened;
use crate::{Answer, CallOptions, ClientError};

/// One request to a runtime.
#[derive(Debug)]
pub(super) struct RuntimeRequest {
    method: Method,
    /// Below the runtime's URL; begins with a slash.
    path: Cow<'static, str>,
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
    takes: Takes,
    body: Option<Body>,
    repeat: Repeat,
    /// How long it may take; the client's request timeout unless it says so itself.
    timeout: Option<Duration>,
}

impl RuntimeRequest {
    pub(super) fn get(path: &'static str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: &'static str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(super) fn new(method: Method, path: impl Into<Cow<'static, str>>) -> Self {
        let (query, headers, body, timeout) = (Vec::new(), HeaderMap::new(), None, None);
        let (takes, repeat) = (Takes::Success, Repeat::Harmless);
        Self { method, path: path.into(), query, headers, takes, body, repeat, timeout }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Puts a body on; the contract's requests always serialise.
    pub(super) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(Body::Json(json_bytes(body)));
        self
    }

    /// Puts JSON text on that is made already.
    pub(super) fn text(mut self, json: String) -> Self {
        self.body = Some(Body::Json(json.into()));
        self
    }

    pub(super) fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Some(Body::Bytes(bytes.into()));
        self
    }

    pub(super) fn stream(
        mut self,
        body: impl hyper::body::Body<Data = Bytes, Error = io::Error> + Send + 'static,
    ) -> Self {
        self.body = Some(Body::stream(body));
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// An answer of any status is one: it is that of a program in the sandbox.
    pub(super) fn whatever_comes(mut self) -> Self {
        self.takes = Takes::Anything;
        self
    }

    /// It could do something twice.
    pub(super) fn not_twice(mut self) -> Self {
        self.repeat = Repeat::Twice;
        self
    }

    /// It is answered when it is done, however long that takes, unless the call says otherwise.
    pub(super) fn patient(mut self) -> Self {
        self.timeout = Some(LONGEST_TIMEOUT);
        self
    }
}

impl Runtime {
    /// Sends a request and reads its answer.
    pub(super) async fn send<T>(
        &self,
        request: RuntimeRequest,
        call: &CallOptions,
        read: fn(RawAnswer) -> Reading<T>,
    ) -> Result<T, ClientError> {
        let call = &self.begun(&request, call);
        let sent = async {
            let mut request = self.request(request, call).await?;
            match self.client.transport().send(&request, read).await {
                Ok(answer) => Ok(answer),
                Err(error) => {
                    self.follow(&mut request, error, call).await?;
                    self.client.transport().send(&request, read).await
                }
            }
        };
        match sent.await {
            Ok(answer) => {
                self.access.proven();
                Ok(answer)
            }
            Err(error) => Err(self.explained(error, call).await),
        }
    }

    /// The same of a request that takes as long as it takes, for as long as the runtime is there.
    pub(super) async fn send_probed<T>(
        &self,
        request: RuntimeRequest,
        call: &CallOptions,
        read: fn(RawAnswer) -> Reading<T>,
    ) -> Result<T, ClientError> {
        self.while_alive(self.send(request.patient(), call, read)).await?
    }

    /// Sends a request; the body of its answer is left to be read.
    pub(super) async fn open(&self, request: RuntimeRequest, call: &CallOptions) -> Result<Opened, ClientError> {
        let takes = request.takes;
        let call = &self.begun(&request, call);
        let opened = async {
            let mut request = self.request(request, call).await?;
            match self.client.transport().open(&request).await {
                Ok(answer) => Ok(answer),
                Err(error) => {
                    self.follow(&mut request, error, call).await?;
                    self.client.transport().open(&request).await
                }
            }
        };
        match opened.await {
            Ok(answer) => {
                if takes == Takes::Success {
                    self.access.proven();
                }
                Ok(answer)
            }
            Err(error) => Err(self.explained(error, call).await),
        }
    }

    /// The options of a call whose time begins to run: look-ups, repeats and what is tried elsewhere share it.
    fn begun(&self, request: &RuntimeRequest, call: &CallOptions) -> CallOptions {
        call.within(self.limit_of(request, call))
    }

    fn limit_of(&self, request: &RuntimeRequest, call: &CallOptions) -> Duration {
        call.request_timeout.or(request.timeout).unwrap_or_else(|| self.client.limits(call).timeout)
    }

    /// A call of the Connect protocol: one message there, one back.
    pub(super) async fn unary<A: DeserializeOwned>(
        &self,
        request: RuntimeRequest,
        call: &CallOptions,
    ) -> Result<Answer<A>, ClientError> {
        self.send(request, call, RawAnswer::object).await
    }

    /// A server stream of the Connect protocol.
    pub(super) async fn frames(&self, request: RuntimeRequest, call: &CallOptions) -> Result<Frames, ClientError> {
        let call = &self.begun(&request, call);
        let opened = self.open(request, call).await?;
        let silence = self.silence().stream;
        Ok(Frames::of(opened, silence, call.left(silence)))
    }

    async fn request(&self, request: RuntimeRequest, call: &CallOptions) -> Result<Request, ClientError> {
        let limits = Limits { timeout: self.limit_of(&request, call), ..self.client.limits(call) };
        let RuntimeRequest { method, path, query, headers, takes, body, repeat, .. } = request;
        let target = Target::Runtime { place: self.place(call).await?, path };
        let request = Request::new(method, target, limits).about(&self.sandbox_id);
        Ok(Request { query, headers, takes, body, repeat, ..request })
    }

    /// Sends a request that was refused to where the runtime is by now; gives the error back if that is no other place.
    async fn follow(&self, request: &mut Request, error: ClientError, call: &CallOptions) -> Result<(), ClientError> {
        let Target::Runtime { place, path } = &request.target else { return Err(error) };
        if !is_refused(&error) || request.is_once() {
            return Err(error);
        }
        let Some(now) = self.place_after(place, call).await? else { return Err(error) };
        request.target = Target::Runtime { place: now, path: path.clone() };
        Ok(())
    }
}

/// Whether the access token is not, or no longer, the right one, or the sandbox does not run.
fn is_refused(error: &ClientError) -> bool {
    let ClientError::Api(error) = error else { return false };
    error.status == 401 || (error.status == 409 && error.code.as_deref() == Some("failed_precondition"))
}
