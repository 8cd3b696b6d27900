use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lenient::{Lenient, lenient, lenient_list};

/// Answer of `GET /observability/summary`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ObservabilitySummary {
    /// `ok` or `degraded`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub status: String,
    /// The project.
    #[serde(rename = "projectID", deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// The user.
    #[serde(rename = "userID", deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Counts by resource: `sandboxes`, `templates`.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub usage: Option<BTreeMap<String, serde_json::Value>>,
    /// Which parts of the service answer.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub availability: Option<BTreeMap<String, Availability>>,
    /// Limits that are near or reached.
    #[serde(deserialize_with = "lenient_list")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub checks: Vec<UsageCheck>,
    /// What to do next.
    #[serde(deserialize_with = "lenient_list")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub actions: Vec<SuggestedAction>,
    /// Where to read more, by name.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<BTreeMap<String, String>>,
}

/// Whether a part of the service answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Availability {
    /// `available` or `unavailable`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub status: String,
    /// Why not.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A limit that is near or reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct UsageCheck {
    /// `warning` or `exhausted`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub status: String,
    /// `user` or `project`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub scope: String,
    /// As `sandboxes`, `disk`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub resource: String,
    /// As `activeSandboxes`, `diskMiB`; a unit is in its name.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub metric: String,
    /// Used now.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub used: f64,
    /// The most.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub limit: f64,
    /// Left now.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub remaining: f64,
    /// A sentence for people.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub message: String,
    /// Where to read more.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub usage_endpoint: String,
}

impl Lenient for UsageCheck {}

/// What to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SuggestedAction {
    /// `unavailable`, `review` or `limit_reached`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub status: String,
    /// `user` or `project`.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// As `sandboxes`.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// A sentence for people.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub message: String,
    /// Where.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

impl Lenient for SuggestedAction {}
