//! The sandbox service's contract in types: requests, answers, states, errors and the rules that both sides check.
//!
//! No I/O and no clock in here: times are handed in. Requests are read by their own `from_json`, which refuses whatever the contract does
//! not know; answers are read leniently: only `sandboxID` is certain, any other field may be absent, null or odd.

mod error_body;
mod fields;
mod heartbeat;
mod lenient;
mod limits;
mod list;
mod logs;
mod metrics;
mod observability;
#[cfg(feature = "openapi")]
pub mod openapi;
mod options;
mod rate_window;
mod runtime;
mod sandbox;
mod sandbox_reader;
mod secret;
mod state;
mod template;
mod timeline;
mod utf8;
mod validation;

pub use error_body::{DecodedError, ErrorBody, ErrorInfo};
pub use fields::{FOREIGN_VALUE_KEY, Fields, bare_kind, closest, kind_of};
pub use heartbeat::{Heartbeat, HeartbeatAnswer, HeartbeatData, HeartbeatStatus};
pub use limits::{RuntimeLimits, SandboxUsageLimits, UsageLimit, UsageScope};
pub use list::{ListQuery, MAX_PAGE, PageToken};
pub use logs::{LogDirection, LogEntry, LogLevel, LogsQuery, MAX_LOG_LIMIT, SandboxLogs};
pub use metrics::{MetricBatch, MetricSnapshot};
pub use observability::{Availability, ObservabilitySummary, SuggestedAction, UsageCheck};
pub use options::{
    ConnectOptions, CreateOptions, DEFAULT_TEMPLATE, DEFAULT_TIMEOUT_SECS, MAX_REFRESH_SECS, MAX_TIMEOUT_SECS,
    RefreshOptions, TimeoutOptions, env_vars_from_json,
};
pub use rate_window::RateWindow;
pub use runtime::{
    ACCESS_TOKEN_HEADER, BootConfig, Health, ProcessLimits, RunRequest, RunResponse, RuntimeError, SandboxSize,
};
pub use sandbox::{Envd, Lifecycle, OnTimeout, Sandbox, SandboxLimits};
pub use secret::Secret;
pub use state::{InternalState, PublicState};
pub use template::TemplateInfo;
pub use timeline::{Diagnostic, PhaseStatus, TimelineEvent};
pub use utf8::whole_characters;
pub use validation::{ValidationError, check_idempotency_key, check_sandbox_id, check_template_id};

/// Response header of the list: the token of the next page.
pub const NEXT_TOKEN_HEADER: &str = "x-next-token";
/// Response header of the list: `true` while there is a next page.
pub const HAS_NEXT_HEADER: &str = "x-has-next";
/// Request header that makes a repeated create answer with the first result.
pub const IDEMPOTENCY_KEY_HEADER: &str = "idempotency-key";
/// Response header of create and connect: `true` if an earlier request under the same key had the effect.
pub const IDEMPOTENCY_REPLAYED_HEADER: &str = "idempotency-replayed";
/// Request header of RFC 7240; of the detail, `wait=N` asks the server to hold its answer while the sandbox is starting.
pub const PREFER_HEADER: &str = "prefer";
/// Response header of RFC 7240: which preferences the server has honoured.
pub const PREFERENCE_APPLIED_HEADER: &str = "preference-applied";
/// The preference to wait for an answer that says more, in whole seconds.
pub const WAIT_PREFERENCE: &str = "wait";
/// Header that names a request, echoed by the server.
pub const REQUEST_ID_HEADER: &str = "x-request-id";
/// Header that carries the API key.
pub const API_KEY_HEADER: &str = "x-api-key";
/// Header that routes a request to a project.
pub const PROJECT_ID_HEADER: &str = "x-project-id";
/// Response header of 204 answers: the public state that the call met, so that pausing twice can be told apart.
pub const PREVIOUS_STATE_HEADER: &str = "x-sandbox-previous-state";
/// Response header of 204 answers that move the deadline: the new `endAt`.
pub const END_AT_HEADER: &str = "x-sandbox-end-at";
