use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sandbar_protocol::{ValidationError, check_sandbox_id};
use serde_json::Value;

use crate::context::Context;
use crate::journal::Journal;
use crate::request::{Limits, Request};
use crate::sending::Sender;
use crate::transport::Transport;
use crate::{CallOptions, ClientError, Config, EventSink, Silence, TraceContext, pool};

/// The longest request timeout that counts.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 86_400);

/// A client of the service. Cheap to make and to clone: nothing is opened before the first call.
///
/// Its calls run on the tokio runtime that they are awaited in, and are given up by dropping their futures. Every one of
/// them fails with [`ClientError::Validation`] before anything is sent, [`ClientError::Transport`] or
/// [`ClientError::RequestTimeout`] if no answer came, [`ClientError::Api`] if the service refused, and
/// [`ClientError::InvalidAnswer`] if what answered does not speak the contract.
///
/// What may pass is repeated, up to `max_retries` times within the request timeout: after failures of the connection and
/// 408, 425, 429, 500, 502, 503 and 504, unless a repeat could do it twice.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
    context: Context,
    request_timeout: Duration,
    ready_timeout: Duration,
    max_retries: u32,
    silence: Silence,
}

impl fmt::Debug for Client {
    /// Leaves out the connections, which know the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request_timeout, ready_timeout, .. } = self;
        let mut out = f.debug_struct("Client");
        out.field("request_timeout", request_timeout).field("ready_timeout", ready_timeout).finish_non_exhaustive()
    }
}

impl Client {
    /// A client with connections of its own.
    pub fn new(config: Config) -> Self {
        let transport = Arc::new(Transport::new(config.endpoint.clone()));
        Self::over(transport, &config)
    }

    /// A client that shares its connections with every other such client of an equal endpoint in this process.
    ///
    /// They belong to the tokio runtime of the first call: use it where one runtime serves the whole process.
    pub fn shared(config: Config) -> Self {
        let transport = pool::transport_to(config.endpoint.clone());
        Self::over(transport, &config)
    }

    fn over(transport: Arc<Transport>, config: &Config) -> Self {
        let Config { request_timeout, ready_timeout, max_retries, silence, .. } = *config;
        let context = Context { headers: config.headers.clone(), ..Context::default() };
        Self { transport, context, request_timeout, ready_timeout, max_retries, silence }
    }

    /// Waits until every create is over, also those that nobody waits for any more: until what an aborted or failed one
    /// has left is deleted. What is killed for an aborted command counts as well.
    pub async fn settled(&self) {
        self.transport.creations.settled().await;
    }

    /// The same client, whose events a sink takes.
    #[must_use]
    pub fn with_events(mut self, sink: Arc<dyn EventSink>) -> Self {
        self.context.journal = Journal(Some(sink));
        self
    }

    /// The same client, whose requests belong to a trace; a `traceparent` among its own headers wins.
    #[must_use]
    pub fn within(mut self, trace: &TraceContext) -> Self {
        self.context.headers = self.context.headers.within(trace);
        self
    }

    pub(crate) fn with_context(&self, context: Context) -> Self {
        Self { context, ..self.clone() }
    }

    pub(crate) fn transport(&self) -> Sender<'_> {
        Sender { transport: &self.transport, context: &self.context }
    }

    pub(crate) fn limits(&self, call: &CallOptions) -> Limits {
        Limits {
            // Never so long that no clock could show its end.
            timeout: call.request_timeout.unwrap_or(self.request_timeout).min(LONGEST_TIMEOUT),
            deadline: call.deadline,
            max_retries: call.max_retries.unwrap_or(self.max_retries),
            budgeted: true,
        }
    }

    /// How long the other side may say nothing.
    pub(crate) fn silence(&self) -> Silence {
        self.silence
    }

    pub(crate) fn ready_timeout(&self, call: &CallOptions) -> Duration {
        call.ready_timeout.unwrap_or(self.ready_timeout)
    }

    /// A GET of one sandbox's route; `tail` is empty or begins with a slash.
    pub(crate) fn get_of(&self, sandbox_id: &str, tail: &str, call: &CallOptions) -> Result<Request, ClientError> {
        self.get_within(sandbox_id, tail, self.limits(call))
    }

    pub(crate) fn get_within(&self, sandbox_id: &str, tail: &str, limits: Limits) -> Result<Request, ClientError> {
        Ok(Request::get(sandbox_path(sandbox_id, tail)?, limits).about(sandbox_id))
    }

    /// A POST to one sandbox's route.
    pub(crate) fn post_to(&self, sandbox_id: &str, tail: &str, call: &CallOptions) -> Result<Request, ClientError> {
        let path = sandbox_path(sandbox_id, tail)?;
        Ok(Request::post(path, self.limits(call)).about(sandbox_id))
    }

    /// The DELETE of one sandbox.
    pub(crate) fn delete_of(&self, sandbox_id: &str, limits: Limits) -> Result<Request, ClientError> {
        let path = sandbox_path(sandbox_id, "")?;
        Ok(Request::delete(path, limits).about(sandbox_id))
    }
}

fn sandbox_path(sandbox_id: &str, tail: &str) -> Result<String, ValidationError> {
    // Checked wherever it came from: an ID with a slash in it would be another route.
    check_sandbox_id(&Value::from(sandbox_id))?;
    Ok(format!("/sandboxes/{sandbox_id}{tail}"))
}
