use serde::{Deserialize, Serialize};

/// How a runtime feels, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct Heartbeat {
    /// How the runtime feels.
    pub status: HeartbeatStatus,
}

/// Answer of the heartbeat route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct HeartbeatData {
    /// Always true.
    pub received: bool,
    /// The status that was sent.
    pub status: HeartbeatStatus,
}
