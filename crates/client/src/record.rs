use sandbar_protocol::{Diagnostic, TimelineEvent};
use serde::Serialize;
use serde_json::Value;

use crate::error::FollowLoss;
use crate::{ApiError, ClientError, TransportKind};

/// An error as one flat record, for a caller in another language. A field that does not apply is left out.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorRecord {
    /// The class it becomes: `ConfigurationError`, `ValidationError`, `TransportError`, `RequestTimeoutError`,
    /// `APIError`, `AuthenticationError`, `PermissionError`, `NotFoundError`, `ConflictError`, `RateLimitError`, `QuotaError`,
    /// `TimeoutAPIError`, `DiskFullError`, `ServerError`, `ReadinessError`, `NotRunningError`, `CommandError`, or `SandboxError` for a defect of the SDK.
    pub name: &'static str,
    /// The whole sentence.
    pub message: String,
    /// Finer than the class: `configuration`, `validation`; `dns`, `refused`, `unreachable`, `connect_timeout`,
    /// `tls`, `insecure`, `proxy`, `reset`, `protocol`, `other`, `request_timeout`; `redirect`, `invalid_request`, `authentication`, `permission`, `not_found`, `conflict`, `timeout`, `rate_limit`,
    /// `quota`, `disk_full`, `server`, `invalid_answer`; `not_ready`, `ready_timeout`, `port_timeout`; `not_running`; `local_file`; `command_failed`, `disconnected`, `output_lost`;
    /// `cancelled`, `internal`.
    pub kind: &'static str,
    /// The service's word, as `sandbox_not_found`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// The request's ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The service's facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// The body as JSON, or as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Whether the same call may succeed a little later.
    pub retryable: bool,
    /// How long the service asks to wait before that, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// How often the request was sent; 0 if it was not.
    pub attempts: u32,
    /// The HTTP method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'static str>,
    /// The path, without the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The argument or setting that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_id: Option<String>,
    /// Why the sandbox is where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<Diagnostic>,
    /// What happened to the sandbox so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Vec<TimelineEvent>>,
    /// The sandbox's state when it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The key that a create or connect was sent under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Whether a create or connect may have taken effect.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outcome_unknown: bool,
    /// Whether the sandbox that did not become ready was deleted again; absent where nobody tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_deleted: Option<bool>,
    /// Of a used-up quota: the most there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Of a used-up quota: how much of it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<f64>,
    /// Of a command that failed: what it printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// What it printed to standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Its exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The process that is not followed any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The chain of causes, the deepest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

impl ErrorRecord {
    /// The record of a defect of the SDK itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { name: "SandboxError", kind: "internal", message: message.into(), ..Self::default() }
    }

    /// The record of a call that its caller has cancelled, who knows why.
    pub fn cancelled() -> Self {
        Self {
            name: "SandboxError",
            kind: "cancelled",
            message: "the call was cancelled".to_owned(),
            ..Self::default()
        }
    }

    /// The record as JSON text.
    pub fn to_json(&self) -> String {
        // Strings, numbers and JSON values always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl From<&ClientError> for ErrorRecord {
    fn from(error: &ClientError) -> Self {
        let call = error.call();
        let own = own_fields(error);
        Self {
            message: error.to_string(),
            request_id: error.request_id().map(str::to_owned),
            retryable: error.retryable(),
            retry_after_ms: error.retry_after().and_then(|wait| wait.as_millis().try_into().ok()),
            attempts: call.map_or(0, |call| call.attempts),
            method: call.map(|call| call.method),
            path: call.map(|call| call.path.clone()),
            sandbox_id: error.sandbox_id().map(str::to_owned),
            idempotency_key: call.and_then(|call| call.idempotency_key.clone()),
            outcome_unknown: call.is_some_and(|call| call.outcome_unknown),
            ..own
        }
    }
}

/// The class, the kind and what only this variant has.
fn own_fields(error: &ClientError) -> ErrorRecord {
    let of = |name, kind| ErrorRecord { name, kind, ..ErrorRecord::default() };
    match error {
        ClientError::Configuration { setting, .. } => {
            ErrorRecord { field: Some(setting.clone()), ..of("ConfigurationError", "configuration") }
        }
        ClientError::Validation(error) => {
            ErrorRecord { field: Some(error.field.clone()), ..of("ValidationError", "validation") }
        }
        ClientError::Transport { kind, causes, .. } => {
            ErrorRecord { causes: causes.clone(), ..of("TransportError", word(*kind)) }
        }
        ClientError::RequestTimeout { causes, .. } => {
            ErrorRecord { causes: causes.clone(), ..of("RequestTimeoutError", "request_timeout") }
        }
        ClientError::Api(error) => api_fields(error),
        ClientError::InvalidAnswer { status, excerpt, .. } => ErrorRecord {
            status_code: Some(*status),
            body: Some(Value::String(excerpt.clone())),
            ..of("APIError", "invalid_answer")
        },
        ClientError::NotReady(error) => ErrorRecord {
            state: error.state.as_ref().map(ToString::to_string),
            timeline: Some(error.timeline.clone()),
            diagnostic: error.diagnostic.clone(),
            causes: error.causes.clone(),
            sandbox_deleted: error.deleted,
            ..of("ReadinessError", if error.limit.is_some() { "ready_timeout" } else { "not_ready" })
        },
        ClientError::CommandFailed(failure) => ErrorRecord {
            stdout: Some(failure.result.stdout.clone()),
            stderr: Some(failure.result.stderr.clone()),
            exit_code: Some(failure.result.exit_code),
            ..of("CommandError", "command_failed")
        },
        ClientError::NotFollowed { pid, cause, .. } => ErrorRecord { pid: *pid, ..loss_fields(cause) },
        ClientError::NotRunning(error) => ErrorRecord {
            state: error.state.as_ref().map(ToString::to_string),
            diagnostic: error.diagnostic.clone(),
            ..of("NotRunningError", "not_running")
        },
        ClientError::PortClosed(_) => of("ReadinessError", "port_timeout"),
        ClientError::LocalFile { .. } => of("SandboxError", "local_file"),
    }
}

fn loss_fields(cause: &FollowLoss) -> ErrorRecord {
    let of = |name, kind| ErrorRecord { name, kind, ..ErrorRecord::default() };
    match cause {
        FollowLoss::Disconnected => of("SandboxError", "disconnected"),
        FollowLoss::OutputLost => of("TransportError", "output_lost"),
        FollowLoss::Overdue(_) => of("RequestTimeoutError", "request_timeout"),
        FollowLoss::Connection(error) => {
            ErrorRecord { causes: vec![error.to_string()], ..of("TransportError", "reset") }
        }
    }
}

fn api_fields(error: &ApiError) -> ErrorRecord {
    let (name, kind) = match error.status {
        300..=399 => ("APIError", "redirect"),
        401 => ("AuthenticationError", "authentication"),
        403 => ("PermissionError", "permission"),
        404 if error.is_gone() => ("NotFoundError", "not_found"),
        404 => ("APIError", "invalid_answer"),
        408 => ("TimeoutAPIError", "timeout"),
        409 => ("ConflictError", "conflict"),
        429 if error.quota().is_some() => ("QuotaError", "quota"),
        429 => ("RateLimitError", "rate_limit"),
        507 => ("DiskFullError", "disk_full"),
        500.. => ("ServerError", "server"),
        _ => ("APIError", "invalid_request"),
    };
    // A refused connect to a failed sandbox says in here why it failed.
    let diagnostic = error.details.as_ref().and_then(|details| details.get("diagnostic"));
    let number = |name| error.quota()?.get(name)?.as_f64();
    ErrorRecord {
        name,
        kind,
        limit: number("limit"),
        used: number("used"),
        code: error.code.clone(),
        status_code: Some(error.status),
        detail: error.details.clone(),
        body: error.body.clone(),
        diagnostic: diagnostic.and_then(|value| serde_json::from_value(value.clone()).ok()),
        ..ErrorRecord::default()
    }
}

fn word(kind: TransportKind) -> &'static str {
    match kind {
        TransportKind::Dns => "dns",
        TransportKind::Refused => "refused",
        TransportKind::Tls => "tls",
        TransportKind::Insecure => "insecure",
        TransportKind::Reset | TransportKind::NotTaken => "reset",
        TransportKind::ConnectTimeout => "connect_timeout",
        TransportKind::Unreachable => "unreachable",
        TransportKind::Protocol => "protocol",
        TransportKind::Proxy => "proxy",
        TransportKind::Other => "other",
    }
}
