use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lenient::lenient;

/// One step of a sandbox's life, oldest first in `timeline`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineEvent {
    /// What happened, as `created`, `ready`, `paused`.
    pub phase: String,
    /// How far it is; `None` if the server said nothing that this version knows.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub status: Option<PhaseStatus>,
    /// When it began.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub timestamp: Option<Timestamp>,
    /// A sentence for people.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long it took, in milliseconds; absent while it goes on, and for what takes no time.
    #[serde(rename = "durationMs", default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
}

/// How far a phase is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PhaseStatus {
    /// Done.
    Completed,
    /// Going on.
    InProgress,
    /// Failed.
    Failed,
}

/// Why a sandbox is where it is, in product terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Diagnostic {
    /// A word for programs, as `start_command_failed`.
    #[serde(default)]
    pub reason: String,
    /// A sentence for people.
    #[serde(default)]
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without advice.
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into(), recommendation: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn recommend(mut self, recommendation: impl Into<String>) -> Self {
        self.recommendation = Some(recommendation.into());
        self
    }
}
