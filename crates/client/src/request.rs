use std::time::Duration;

use reqwest::Method;
use serde::Serialize;

use crate::retry::Repeat;

/// One request of a route.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path below the API prefix; begins with a slash and needs no escaping.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    /// The body as JSON text.
    pub(crate) body: Option<String>,
    /// Makes a repeat answer with the first result, where the service keeps keys.
    pub(crate) idempotency_key: Option<String>,
    /// What it may do to send it twice.
    pub(crate) repeat: Repeat,
    pub(crate) sandbox_id: Option<String>,
    pub(crate) limits: Limits,
}

/// How long a request may take, and how often it may be repeated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For the whole of it, repeats and pauses included.
    pub(crate) timeout: Duration,
    pub(crate) max_retries: u32,
    /// Whether repeats are taken out of the client's budget.
    pub(crate) budgeted: bool,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>, limits: Limits) -> Self {
        Self::new(Method::GET, path.into(), limits)
    }

    pub(crate) fn post(path: impl Into<String>, limits: Limits) -> Self {
        Self::new(Method::POST, path.into(), limits)
    }

    pub(crate) fn delete(path: impl Into<String>, limits: Limits) -> Self {
        Self::new(Method::DELETE, path.into(), limits)
    }

    fn new(method: Method, path: String, limits: Limits) -> Self {
        let (query, body, idempotency_key, sandbox_id) = (Vec::new(), None, None, None);
        Self { method, path, query, body, idempotency_key, repeat: Repeat::Harmless, sandbox_id, limits }
    }

    /// Says which sandbox it is about.
    pub(crate) fn about(mut self, sandbox_id: &str) -> Self {
        self.sandbox_id = Some(sandbox_id.to_owned());
        self
    }

    /// Gives it a key: it could do it twice.
    pub(crate) fn keyed(mut self, key: String) -> Self {
        self.idempotency_key = Some(key);
        self.repeat = Repeat::Keyed;
        self
    }

    pub(crate) fn query(mut self, pairs: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.query.extend(pairs);
        self
    }

    /// Puts a body on; the contract's requests always serialise.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_string(body).ok();
        self
    }
}
