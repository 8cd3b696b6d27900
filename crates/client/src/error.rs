use std::time::Duration;

use sandbar_protocol::{Diagnostic, PublicState, TimelineEvent, ValidationError};
use serde_json::Value;

use crate::{CommandFailure, message};

/// Whatever can go wrong in a call. `Display` says what happened, to what, and what to do; no secret is in it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client is not, or wrongly, configured. Nothing was sent.
    #[error("{message}")]
    Configuration {
        /// The setting's option name, as `baseUrl`.
        setting: String,
        /// The whole sentence.
        message: String,
    },
    /// The contract refuses the call's arguments. Nothing was sent.
    #[error(transparent)]
    Validation(#[from] ValidationError),
    /// No answer came: the service was not reached, or the connection was lost.
    #[error("{}", message::transport(*kind, origin, causes, call))]
    Transport {
        /// What kind of failure.
        kind: TransportKind,
        /// Scheme, host and port of the service.
        origin: String,
        /// The chain of causes, the deepest last.
        causes: Vec<String>,
        /// The request.
        call: Box<Call>,
    },
    /// The request's time limit passed before its answer was there.
    #[error("{}", message::request_timeout(*limit, *awaited, causes, call))]
    RequestTimeout {
        /// The limit.
        limit: Duration,
        /// What did not come within it.
        awaited: Awaited,
        /// How the attempt before ended, if there was one.
        causes: Vec<String>,
        /// The request.
        call: Box<Call>,
    },
    /// The service answered with an error, or with a redirect, which is never followed.
    #[error("{}", message::api(.0))]
    Api(Box<ApiError>),
    /// The sandbox did not become ready: it failed, ended, or the time was up.
    #[error("{}", message::not_ready(.0))]
    NotReady(Box<NotReady>),
    /// The sandbox does not run, so nothing in it can be reached. Nothing was done.
    #[error("{}", message::not_running(.0))]
    NotRunning(Box<NotRunning>),
    /// Nothing listened on a port of the sandbox in time.
    #[error("{}", message::port_closed(.0))]
    PortClosed(Box<PortClosed>),
    /// A file of this machine could not be read or written.
    #[error("can't {what} {path}: {problem}")]
    LocalFile {
        /// The file, on this machine.
        path: String,
        /// What was to be done, as `read`.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A command failed whose failure was to be an error.
    #[error("{0}")]
    CommandFailed(Box<CommandFailure>),
    /// A process is not followed any more, and may run on.
    #[error("{}", message::not_followed(*pid, cause))]
    NotFollowed {
        /// The process; none if it is not even known whether it was started.
        pid: Option<u32>,
        /// The sandbox.
        sandbox_id: String,
        /// Why.
        cause: FollowLoss,
    },
    /// The service answered with success and a body that is not what the contract says.
    #[error("{}", message::invalid_answer(*status, content_type, excerpt, problem, call))]
    InvalidAnswer {
        /// The HTTP status.
        status: u16,
        /// The content type, or nothing.
        content_type: String,
        /// The body's first characters.
        excerpt: String,
        /// What is wrong with it.
        problem: String,
        /// The request.
        call: Box<Call>,
    },
}

/// What did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The answer to a request.
    Answer,
    /// More of an answer that had begun.
    MoreBytes,
    /// Room for more of what is sent.
    Room,
    /// The end of a command, which its own time limit should have brought.
    CommandEnd,
}

/// Why a process is not followed any more.
#[derive(Debug)]
pub enum FollowLoss {
    /// Its caller wanted it so.
    Disconnected,
    /// The connection was lost, and what was printed since can't be told from what was printed before.
    OutputLost,
    /// Its own time limit passed, and its end did not come.
    Overdue(Duration),
    /// The connection was lost, and did not come back.
    Connection(Box<ClientError>),
}

/// The request that an error is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, without the query.
    pub path: String,
    /// The request's ID: the server's echo if there was one, else the client's own.
    pub request_id: String,
    /// How often it was sent.
    pub attempts: u32,
    /// The sandbox that it was about.
    pub sandbox_id: Option<String>,
    /// The key that a create or connect was sent under: a repeat under it has the same outcome.
    pub idempotency_key: Option<String>,
    /// Whether a create or connect may have taken effect without anybody's knowledge.
    pub outcome_unknown: bool,
    /// Whether an attempt before the last one may have taken effect: its answer was lost.
    pub earlier_unknown: bool,
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportKind {
    /// The host name could not be resolved.
    Dns,
    /// Nothing listens at the address.
    Refused,
    /// The TLS handshake failed, mostly over an untrusted certificate.
    Tls,
    /// A token was to be sent without TLS, by a client whose service has TLS. Nothing was sent.
    Insecure,
    /// The connection was lost.
    Reset,
    /// The service gave the connection up, and said that it has not looked at the request.
    NotTaken,
    /// No connection came about within the connect timeout.
    ConnectTimeout,
    /// The address can't be reached, as without a network.
    Unreachable,
    /// What answers does not speak HTTP.
    Protocol,
    /// The proxy could not be reached, or refused.
    Proxy,
    /// Anything else.
    Other,
}

impl TransportKind {
    /// Whether the service may have got the request.
    pub(crate) fn may_have_arrived(self) -> bool {
        matches!(self, Self::Reset | Self::Protocol | Self::Other)
    }
}

/// An answer that is an error.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The word for programs, as `sandbox_not_found`.
    pub code: Option<String>,
    /// The service's own sentence.
    pub message: Option<String>,
    /// Facts, as `{reason: "usage_limit"}`.
    pub details: Option<Value>,
    /// The body: as JSON, or as text, shortened, if it was none.
    pub body: Option<Value>,
    /// How long the service asks to wait before a repeat.
    pub retry_after: Option<Duration>,
    /// Where a redirect pointed, without its query.
    pub location: Option<String>,
    /// The request.
    pub call: Call,
}

/// What is known of a sandbox that did not become ready.
#[derive(Clone, Debug)]
pub struct NotReady {
    /// The sandbox; empty where the service had not said yet which it is.
    pub sandbox_id: String,
    /// Its state when it was last seen.
    pub state: Option<PublicState>,
    /// What happened to it so far, oldest first.
    pub timeline: Vec<TimelineEvent>,
    /// The service's reason.
    pub diagnostic: Option<Diagnostic>,
    /// The time limit, if that is what ended the wait.
    pub limit: Option<Duration>,
    /// Why it could not be seen in the end, if it couldn't.
    pub causes: Vec<String>,
    /// The ID of the request that saw it last.
    pub request_id: Option<String>,
    /// Whether the create that made it has deleted it again; `None` where nobody tried.
    pub deleted: Option<bool>,
    /// Whether it is being deleted: that goes on in the background.
    pub deletion_under_way: bool,
    /// Whether an earlier call made it, under the same key, which the caller passed: it is left alone.
    pub replayed: bool,
}

/// What is known of a sandbox whose runtime was to be reached.
#[derive(Clone, Debug)]
pub struct NotRunning {
    /// The sandbox.
    pub sandbox_id: String,
    /// Its state.
    pub state: Option<PublicState>,
    /// The service's reason.
    pub diagnostic: Option<Diagnostic>,
    /// The ID of the request that saw it.
    pub request_id: String,
}

/// What is known of a port that was waited for.
#[derive(Clone, Debug)]
pub struct PortClosed {
    /// The sandbox.
    pub sandbox_id: String,
    /// The port.
    pub port: u16,
    /// The path that should have been answered, if one was asked for.
    pub path: Option<String>,
    /// How long it was waited for.
    pub limit: Duration,
    /// The ports that something listens on.
    pub listening: Vec<u16>,
    /// What came instead of an answer, where something listened.
    pub last: Option<String>,
}

impl ClientError {
    pub(crate) fn local(path: &std::path::Path, what: &'static str, problem: impl ToString) -> Self {
        Self::LocalFile { path: path.display().to_string(), what, problem: problem.to_string() }
    }

    /// An error about a setting.
    pub(crate) fn configuration(setting: &str, message: impl Into<String>) -> Self {
        Self::Configuration { setting: setting.to_owned(), message: message.into() }
    }

    /// The same, for a caller who must know that a create or connect may have taken effect.
    pub(crate) fn with_outcome_unknown(mut self) -> Self {
        let call = match &mut self {
            Self::Configuration { .. }
            | Self::Validation(_)
            | Self::NotReady(_)
            | Self::NotRunning(_)
            | Self::PortClosed(_)
            | Self::LocalFile { .. }
            | Self::CommandFailed(_)
            | Self::NotFollowed { .. } => return self,
            Self::Transport { call, .. } | Self::RequestTimeout { call, .. } | Self::InvalidAnswer { call, .. } => call,
            Self::Api(error) => &mut error.call,
        };
        call.outcome_unknown = true;
        self
    }

    /// The same, saying whether the sandbox that did not become ready was deleted.
    pub(crate) fn with_deleted(mut self, deleted: bool) -> Self {
        if let Self::NotReady(error) = &mut self {
            error.deleted = Some(deleted);
        }
        self
    }

    /// The same, saying that the deletion goes on.
    pub(crate) fn with_deletion_under_way(mut self) -> Self {
        if let Self::NotReady(error) = &mut self {
            error.deletion_under_way = true;
        }
        self
    }

    /// The same, saying that the sandbox that did not become ready is an earlier call's, and left alone.
    pub(crate) fn with_replayed(mut self) -> Self {
        if let Self::NotReady(error) = &mut self {
            (error.deleted, error.replayed) = (Some(false), true);
        }
        self
    }

    /// The request it is about, unless nothing was sent.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Configuration { .. }
            | Self::Validation(_)
            | Self::NotReady(_)
            | Self::NotRunning(_)
            | Self::PortClosed(_)
            | Self::LocalFile { .. }
            | Self::CommandFailed(_) => None,
            Self::NotFollowed { cause: FollowLoss::Connection(error), .. } => error.call(),
            Self::NotFollowed { .. } => None,
            Self::Transport { call, .. } | Self::RequestTimeout { call, .. } | Self::InvalidAnswer { call, .. } => {
                Some(call)
            }
            Self::Api(error) => Some(&error.call),
        }
    }

    /// The ID of the request, for the service's support.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::NotReady(error) => error.request_id.as_deref(),
            Self::NotRunning(error) => Some(&error.request_id),
            _ => self.call().map(|call| call.request_id.as_str()),
        }
    }

    /// The sandbox it is about.
    pub fn sandbox_id(&self) -> Option<&str> {
        match self {
            Self::NotReady(error) => Some(error.sandbox_id.as_str()).filter(|id| !id.is_empty()),
            Self::NotRunning(error) => Some(&error.sandbox_id),
            Self::PortClosed(error) => Some(&error.sandbox_id),
            Self::CommandFailed(failure) => Some(&failure.sandbox_id),
            Self::NotFollowed { sandbox_id, .. } => Some(sandbox_id),
            _ => self.call().and_then(|call| call.sandbox_id.as_deref()),
        }
    }

    /// Whether the service says that there is no such thing: a 404 whose body is a JSON object with `code` or `error`. What
    /// else answers 404, as a gateway that has no route, knows nothing of sandboxes.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Api(error) if error.is_gone())
    }

    /// Whether the same call may succeed a little later. It says nothing about whether repeating it is harmless.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Configuration { .. }
            | Self::Validation(_)
            | Self::InvalidAnswer { .. }
            | Self::LocalFile { .. }
            | Self::CommandFailed(_)
            | Self::NotFollowed { .. } => false,
            Self::Transport { kind, .. } => {
                !matches!(kind, TransportKind::Tls | TransportKind::Insecure | TransportKind::Proxy)
            }
            Self::RequestTimeout { .. } | Self::PortClosed(_) => true,
            Self::Api(error) => error.retryable(),
            Self::NotReady(error) => error.limit.is_some(),
            // One that still starts may be usable a little later.
            Self::NotRunning(error) => error.state == Some(PublicState::Starting),
        }
    }

    /// How long the service asks to wait before a repeat.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api(error) => error.retry_after,
            _ => None,
        }
    }
}

impl ApiError {
    pub(crate) fn is_gone(&self) -> bool {
        let is_own = |body: &Value| body.get("code").or_else(|| body.get("error")).is_some();
        self.status == 404 && (self.code.is_some() || self.body.as_ref().is_some_and(is_own))
    }

    pub(crate) fn retryable(&self) -> bool {
        match self.status {
            408 | 425 => true,
            // A used-up quota does not come back by waiting a little, unless the service says so.
            429 => self.quota().is_none() || self.retry_after.is_some(),
            501 | 507 => false,
            status => status >= 500,
        }
    }

    /// What the service says about the limit that is reached, if that is why it refused.
    pub fn quota(&self) -> Option<&Value> {
        let details = self.details.as_ref()?;
        (self.status == 429 && details.get("reason")?.as_str()? == "usage_limit").then_some(details)
    }
}
