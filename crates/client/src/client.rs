use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sandbar_protocol::{ValidationError, check_sandbox_id};
use serde_json::Value;

use crate::request::Request;
use crate::transport::Transport;
use crate::{CallOptions, ClientError, Config, pool};

/// A client of the service. Cheap to make and to clone: nothing is opened before the first call.
///
/// Its calls run on the tokio runtime that they are awaited in. Every one of them fails with
/// [`ClientError::Validation`] before anything is sent, [`ClientError::Transport`] or [`ClientError::RequestTimeout`] if
/// no answer came, [`ClientError::Api`] if the service refused, and [`ClientError::InvalidAnswer`] if what answered does
/// not speak the contract.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
    request_timeout: Duration,
    ready_timeout: Duration,
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
        Self { transport, request_timeout: config.request_timeout, ready_timeout: config.ready_timeout }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(crate) fn request_timeout(&self, call: CallOptions) -> Duration {
        call.request_timeout.unwrap_or(self.request_timeout)
    }

    pub(crate) fn ready_timeout(&self, call: CallOptions) -> Duration {
        call.ready_timeout.unwrap_or(self.ready_timeout)
    }

    /// A GET of one sandbox's route; `tail` is empty or begins with a slash.
    pub(crate) fn get_of(&self, sandbox_id: &str, tail: &str, call: CallOptions) -> Result<Request, ClientError> {
        let path = sandbox_path(sandbox_id, tail)?;
        Ok(Request::get(path, self.request_timeout(call)).about(sandbox_id))
    }

    /// A POST to one sandbox's route.
    pub(crate) fn post_to(&self, sandbox_id: &str, tail: &str, call: CallOptions) -> Result<Request, ClientError> {
        let path = sandbox_path(sandbox_id, tail)?;
        Ok(Request::post(path, self.request_timeout(call)).about(sandbox_id))
    }

    /// The DELETE of one sandbox.
    pub(crate) fn delete_of(&self, sandbox_id: &str, call: CallOptions) -> Result<Request, ClientError> {
        let path = sandbox_path(sandbox_id, "")?;
        Ok(Request::delete(path, self.request_timeout(call)).about(sandbox_id))
    }
}

fn sandbox_path(sandbox_id: &str, tail: &str) -> Result<String, ValidationError> {
    // Checked wherever it came from: an ID with a slash in it would be another route.
    check_sandbox_id(&Value::from(sandbox_id))?;
    Ok(format!("/sandboxes/{sandbox_id}{tail}"))
}
