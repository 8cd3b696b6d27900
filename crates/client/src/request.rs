use std::borrow::Cow;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use serde::Serialize;
use serde_json::Value;

use tokio::time::Instant;

use crate::http::Outgoing;
use crate::retry::Repeat;
use crate::runtime::Place;

/// One request of a route.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) query: Vec<(&'static str, String)>,
    /// On top of those that every request to its target has.
    pub(crate) headers: HeaderMap,
    /// Which answers are no errors.
    pub(crate) takes: Takes,
    pub(crate) body: Option<Body>,
    /// Makes a repeat answer with the first result, where the service keeps keys.
    pub(crate) idempotency_key: Option<String>,
    /// What it may do to send it twice.
    pub(crate) repeat: Repeat,
    pub(crate) sandbox_id: Option<String>,
    pub(crate) limits: Limits,
    /// Whether it goes on a connection of its own, which was never used before.
    pub(crate) on_new_connection: bool,
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// To the service: the path below the API prefix; begins with a slash and needs no escaping.
    Service(String),
    /// To one sandbox's runtime.
    Runtime {
        place: Place,
        /// Below the runtime's URL; begins with a slash, and may have a query.
        path: Cow<'static, str>,
    },
}

/// Which answers a request takes; others become errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Those that say success.
    Success,
    /// Whatever comes: it is another program's own.
    Anything,
}

/// What a request carries.
#[derive(Debug)]
pub(crate) enum Body {
    /// JSON text.
    Json(Bytes),
    /// As it is.
    Bytes(Bytes),
    /// What is made while it is sent: it can be sent once.
    Stream(Mutex<Option<Outgoing>>),
}

impl Body {
    pub(crate) fn stream(body: impl hyper::body::Body<Data = Bytes, Error = io::Error> + Send + 'static) -> Self {
        Self::Stream(Mutex::new(Some(Outgoing::Right(body.boxed_unsync()))))
    }

    /// It as JSON, if it is.
    pub(crate) fn as_json(&self) -> Option<Value> {
        match self {
            Self::Json(text) => serde_json::from_slice(text).ok(),
            Self::Bytes(_) | Self::Stream(_) => None,
        }
    }

    pub(crate) fn content_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Bytes(_) | Self::Stream(_) => "application/octet-stream",
        }
    }

    /// The body to send now; a stream is empty the second time.
    pub(crate) fn take(&self) -> Outgoing {
        match self {
            Self::Json(bytes) | Self::Bytes(bytes) => Outgoing::Left(bytes.clone().into()),
            Self::Stream(stream) => {
                let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
                stream.unwrap_or_else(|| Outgoing::Left(Bytes::new().into()))
            }
        }
    }
}

/// A body as JSON; the contract's always serialise.
pub(crate) fn json_bytes(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).unwrap_or_default().into()
}

/// How long a request may take, and how often it may be repeated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For the whole of it, repeats and pauses included.
    pub(crate) timeout: Duration,
    /// When the call that it is a part of must be over.
    pub(crate) deadline: Option<Instant>,
    pub(crate) max_retries: u32,
    /// Whether repeats are taken out of the client's budget.
    pub(crate) budgeted: bool,
}

impl Limits {
    /// When a request that begins now must be over.
    pub(crate) fn ends(&self) -> Instant {
        let ends = Instant::now() + self.timeout;
        self.deadline.map_or(ends, |deadline| deadline.min(ends))
    }
}

impl Request {
    pub(crate) fn get(path: impl Into<String>, limits: Limits) -> Self {
        Self::new(Method::GET, Target::Service(path.into()), limits)
    }

    pub(crate) fn post(path: impl Into<String>, limits: Limits) -> Self {
        Self::new(Method::POST, Target::Service(path.into()), limits)
    }

    pub(crate) fn delete(path: impl Into<String>, limits: Limits) -> Self {
        Self::new(Method::DELETE, Target::Service(path.into()), limits)
    }

    pub(crate) fn new(method: Method, target: Target, limits: Limits) -> Self {
        let (query, body, idempotency_key, sandbox_id) = (Vec::new(), None, None, None);
        let (headers, takes, repeat) = (HeaderMap::new(), Takes::Success, Repeat::Harmless);
        let on_new_connection = false;
        Self {
            method,
            target,
            query,
            headers,
            takes,
            body,
            idempotency_key,
            repeat,
            sandbox_id,
            limits,
            on_new_connection,
        }
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

    /// Puts a body on.
    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        self.json_bytes(json_bytes(body))
    }

    /// Puts a body on that is JSON already.
    pub(crate) fn json_bytes(mut self, body: Bytes) -> Self {
        self.body = Some(Body::Json(body));
        self
    }

    /// Whether there is nothing left to send a second time.
    pub(crate) fn is_once(&self) -> bool {
        matches!(self.body, Some(Body::Stream(_)))
    }
}
