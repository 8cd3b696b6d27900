use serde::{Deserialize, Serialize};

/// How a runtime feels, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum HeartbeatStatus {
    /// Not usable yet.
    Starting,
    /// Usable.
    Healthy,
    /// Broken.
    Error,
}

/// Body of `POST /sandboxes/:sandboxID/heartbeat`, the runtime's own call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// How the runtime feels.
    pub status: HeartbeatStatus,
}

/// Answer of the heartbeat route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeartbeatAnswer {
    /// Always 0.
    pub code: u16,
    /// A word for people.
    pub message: String,
    /// What was taken in.
    pub data: HeartbeatData,
    /// The request's ID.
    pub request_id: String,
}

/// The heartbeat as it was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeartbeatData {
    /// Always true.
    pub received: bool,
    /// The status that was sent.
    pub status: HeartbeatStatus,
}
