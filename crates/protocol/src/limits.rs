use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lenient::{Lenient, lenient};

/// Answer of `GET /usage/limits`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SandboxUsageLimits {
    /// What is counted: `sandboxes`.
    #[cfg_attr(feature = "openapi", schema(required))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl Lenient for UsageScope {}

/// One limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct UsageLimit {
    /// The most.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub limit: f64,
    /// Used now.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub used: f64,
    /// Left now.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub remaining: f64,
    /// When the count starts anew.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub reset_at: Option<Timestamp>,
    /// Whether going over it is refused.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub enforced: bool,
}

/// Limits of one runtime.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimeLimits {
    /// The longest TTL, in seconds.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub max_runtime_seconds: u64,
}

impl Lenient for RuntimeLimits {}
