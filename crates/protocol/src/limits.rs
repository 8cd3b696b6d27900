use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lenient::lenient;

/// Answer of `GET /usage/limits`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SandboxUsageLimits {
    /// What is counted: `sandboxes`.
    pub resource: String,
    /// True if nothing is limited.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub unlimited: Option<bool>,
    /// The caller's own share.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub user: Option<UsageScope>,
    /// The project's share.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub project: Option<UsageScope>,
    /// Limits of one runtime.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub runtime: Option<RuntimeLimits>,
}

/// Usage and limits of a user or a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageScope {
    /// Whose.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Counts by name.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub usage: Option<BTreeMap<String, f64>>,
    /// Limits by name.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub limits: Option<BTreeMap<String, UsageLimit>>,
}

/// One limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UsageLimit {
    /// The most.
    pub limit: f64,
    /// Used now.
    pub used: f64,
    /// Left now.
    pub remaining: f64,
    /// When the count starts anew.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub reset_at: Option<Timestamp>,
    /// Whether going over it is refused.
    pub enforced: bool,
}

/// Limits of one runtime.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimeLimits {
    /// The longest TTL, in seconds.
    pub max_runtime_seconds: u64,
}
