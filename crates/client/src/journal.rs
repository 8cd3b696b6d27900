//! What a client tells about its work: to a sink of the caller's, and as `tracing` events of the target `sandbar`.
//!
//! No secret is in it: no header's value, no body, no query.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tracing::{Level, enabled};

use crate::error::Call;
use crate::{ClientError, ErrorRecord};

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventLevel {
    /// Of use when something is looked for: every request.
    Debug,
    /// A repeat, a clean-up, or a setting that did not count.
    Warn,
}

/// Something that a client did or met.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// How grave it is.
    pub level: EventLevel,
    /// When it was.
    pub time: Timestamp,
    /// A sentence for people.
    pub message: String,
    /// The same for programs.
    pub fields: EventFields,
}

/// What an event is about. A field that does not apply is left out.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventFields {
    /// The HTTP method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'static str>,
    /// The path, without the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The HTTP status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// The request's ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Which sending of the request it was; 1 for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_id: Option<String>,
    /// What failed, as an error's `kind`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Scheme, host and port of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl EventFields {
    /// The fields of a request.
    pub(crate) fn of(call: &Call) -> Self {
        Self {
            method: Some(call.method),
            path: Some(call.path.clone()),
            request_id: Some(call.request_id.clone()),
            attempt: Some(call.attempts),
            sandbox_id: call.sandbox_id.clone(),
            ..Self::default()
        }
    }
}

/// Takes the events of a client. It is called in the middle of calls: it must be quick, and must not wait.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn take(&self, event: Event);
}

/// Where a client's events go. Without a sink and without a `tracing` subscriber none is made.
#[derive(Clone, Default)]
pub(crate) struct Journal(pub(crate) Option<Arc<dyn EventSink>>);

impl Journal {
    /// Whether both go to the same sink.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }

    /// An answer of any status came.
    pub(crate) fn answered(&self, call: &Call, status: u16, took: Duration) {
        self.debug(|| {
            let Call { method, path, .. } = call;
            let fields = EventFields { status: Some(status), duration_ms: Some(ms(took)), ..EventFields::of(call) };
            (format!("{method} {path} answered {status} in {} ms", ms(took)), fields)
        });
    }

    /// No answer came. Gives the error back.
    pub(crate) fn failed(&self, error: ClientError, took: Duration) -> ClientError {
        self.debug(|| {
            let of_call = error.call().map(EventFields::of).unwrap_or_default();
            let kind = Some(ErrorRecord::from(&error).kind);
            let fields = EventFields { kind, duration_ms: Some(ms(took)), ..of_call };
            let (method, path) = (fields.method.unwrap_or_default(), fields.path.as_deref().unwrap_or_default());
            (format!("{method} {path} failed after {} ms: {error}", ms(took)), fields)
        });
        error
    }

    /// A request is sent again after a pause.
    pub(crate) fn repeated(&self, error: &ClientError, pause: Duration) {
        self.warn(|| {
            let fields = error.call().map(EventFields::of).unwrap_or_default();
            let fields = EventFields { kind: Some(ErrorRecord::from(error).kind), ..fields };
            (format!("sent again in {} ms: {error}", ms(pause)), fields)
        });
    }

    /// Tells of something that is of use when something is looked for.
    pub(crate) fn debug(&self, event: impl FnOnce() -> (String, EventFields)) {
        if self.0.is_some() || enabled!(target: "sandbar", Level::DEBUG) {
            self.tell(EventLevel::Debug, event());
        }
    }

    /// Tells of something that somebody should know of.
    pub(crate) fn warn(&self, event: impl FnOnce() -> (String, EventFields)) {
        if self.0.is_some() || enabled!(target: "sandbar", Level::WARN) {
            self.tell(EventLevel::Warn, event());
        }
    }

    fn tell(&self, level: EventLevel, (message, fields): (String, EventFields)) {
        macro_rules! trace {
            ($level:ident) => {
                tracing::event!(
                    target: "sandbar",
                    Level::$level,
                    method = fields.method,
                    path = fields.path.as_deref(),
                    status = fields.status,
                    duration_ms = fields.duration_ms,
                    request_id = fields.request_id.as_deref(),
                    attempt = fields.attempt,
                    sandbox_id = fields.sandbox_id.as_deref(),
                    kind = fields.kind,
                    origin = fields.origin.as_deref(),
                    "{message}"
                )
            };
        }
        match level {
            EventLevel::Debug => trace!(DEBUG),
            EventLevel::Warn => trace!(WARN),
        }
        if let Some(sink) = &self.0 {
            sink.take(Event { level, time: Timestamp::now(), message, fields });
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Journal(sink)" } else { "Journal" })
    }
}

/// Milliseconds to the tenth.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
