use jiff::Timestamp;
use serde::de::MapAccess;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Serialize};

use crate::lenient::{Lenient, lenient, word};

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

impl Lenient for TimelineEvent {
    /// Without keeping it aside, as every answer has some.
    fn of_map<'de, A: MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
        let Draft { phase, status, timestamp, message, duration_ms } =
            Draft::deserialize(MapAccessDeserializer::new(map))?;
        Ok(phase.map(|phase| Self { phase, status, timestamp, message, duration_ms }))
    }
}

/// A [`TimelineEvent`] of which nothing is certain.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Draft {
    #[serde(deserialize_with = "lenient")]
    phase: Option<String>,
    #[serde(deserialize_with = "lenient")]
    status: Option<PhaseStatus>,
    #[serde(deserialize_with = "lenient")]
    timestamp: Option<Timestamp>,
    #[serde(deserialize_with = "lenient")]
    message: Option<String>,
    #[serde(rename = "durationMs", deserialize_with = "lenient")]
    duration_ms: Option<f64>,
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

impl Lenient for PhaseStatus {
    fn of_text(text: &str) -> Option<Self> {
        word(text)
    }
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

impl Lenient for Diagnostic {}

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
