use std::time::Duration;

use reqwest::Method;
use serde::Serialize;

use crate::context::Context;

/// One request of a route.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path below the API prefix; begins with a slash and needs no escaping.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    /// The body as JSON text.
    pub(crate) body: Option<String>,
    /// Makes a repeat answer with the first result.
    pub(crate) idempotency_key: Option<String>,
    pub(crate) sandbox_id: Option<String>,
    /// How long the whole of it may take.
    pub(crate) timeout: Duration,
    /// What it carries for its client; set when it is sent.
    pub(crate) context: Context,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>, timeout: Duration) -> Self {
        Self::new(Method::GET, path.into(), timeout)
    }

    pub(crate) fn post(path: impl Into<String>, timeout: Duration) -> Self {
        Self::new(Method::POST, path.into(), timeout)
    }

    pub(crate) fn delete(path: impl Into<String>, timeout: Duration) -> Self {
        Self::new(Method::DELETE, path.into(), timeout)
    }

    fn new(method: Method, path: String, timeout: Duration) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body: None,
            idempotency_key: None,
            sandbox_id: None,
            timeout,
            context: Context::default(),
        }
    }

    /// Says which sandbox it is about.
    pub(crate) fn about(mut self, sandbox_id: &str) -> Self {
        self.sandbox_id = Some(sandbox_id.to_owned());
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
