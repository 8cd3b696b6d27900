use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::lenient::{Lenient, lenient};
use crate::{Diagnostic, PublicState, Secret, TimelineEvent};

/// A sandbox as the service shows it: the answer of create and connect, of the detail, and an entry of the list.
///
/// Create and connect leave out the sizes, `metadata` and `lifecycle`; the list leaves out `envd`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Sandbox {
    /// The one field that every answer has.
    #[serde(rename = "sandboxID")]
    pub sandbox_id: String,
    /// The template it was made from.
    #[serde(rename = "templateID", skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// The template's other name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The node or engine that holds it.
    #[serde(rename = "clientID", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// How its runtime is reached; both null while it does not run.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub envd: Option<Envd>,
    /// The public state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<PublicState>,
    /// The same word again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<PublicState>,
    /// When it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub started_at: Option<Timestamp>,
    /// When its runtime last became usable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub activated_at: Option<Timestamp>,
    /// When its TTL ends; for a paused sandbox, what was left of it at the pause is kept in here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub end_at: Option<Timestamp>,
    /// CPUs of its runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_count: Option<u32>,
    /// Memory of its runtime in MiB.
    #[serde(rename = "memoryMB", skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    /// Disk of its runtime in MiB.
    #[serde(rename = "diskSizeMB", skip_serializing_if = "Option::is_none")]
    pub disk_size_mb: Option<u64>,
    /// Which limits hold, and by what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<SandboxLimits>,
    /// The user's own words about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// What its TTL does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    /// What happened so far, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineEvent>,
    /// Why it is where it is, when that needs a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<Diagnostic>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub extra: Map<String, Value>,
}

impl Sandbox {
    /// A sandbox of which only the ID is known.
    pub fn with_id(sandbox_id: impl Into<String>) -> Self {
        Self {
            sandbox_id: sandbox_id.into(),
            template_id: None,
            alias: None,
            client_id: None,
            envd: None,
            status: None,
            state: None,
            started_at: None,
            activated_at: None,
            end_at: None,
            cpu_count: None,
            memory_mb: None,
            disk_size_mb: None,
            limits: None,
            metadata: None,
            lifecycle: None,
            timeline: Vec::new(),
            diagnostic: None,
            extra: Map::new(),
        }
    }

    /// The public state, from whichever of the two fields is there.
    pub fn public_state(&self) -> Option<&PublicState> {
        self.state.as_ref().or(self.status.as_ref())
    }
}

/// How a sandbox's runtime is reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Envd {
    /// The value of `X-Access-Token`.
    #[serde(default, deserialize_with = "lenient")]
    pub envd_access_token: Option<Secret>,
    /// Where the runtime API is.
    #[serde(default, deserialize_with = "lenient")]
    pub envd_url: Option<String>,
}

/// What happens when the TTL ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle {
    /// `pause` with `autoPause`, else `kill`.
    pub on_timeout: OnTimeout,
}

impl Lenient for Lifecycle {}

/// The two ends of a TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnTimeout {
    /// Delete the sandbox.
    Kill,
    /// Pause it: files and metadata stay.
    Pause,
}

/// The limits that are held where a sandbox runs; one that is absent is not held there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SandboxLimits {
    /// By what: `cgroup v2`, `cgroup v1` or `rlimits`.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// CPUs.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub cpu_count: Option<u32>,
    /// Memory in MiB.
    #[serde(rename = "memoryMB", deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    /// Processes and threads.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Size of the home in MiB.
    #[serde(rename = "diskSizeMB", deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub disk_size_mb: Option<u64>,
}

impl Lenient for SandboxLimits {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_id_is_certain() {
        let sandbox: Sandbox = serde_json::from_str(
            r#"{"sandboxID":"sb-1","templateID":null,"endAt":"soon","timeline":[{"phase":"a","status":"odd"},7],"metadata":{"a":1},"region":"eu"}"#,
        )
        .unwrap();
        assert_eq!(sandbox.sandbox_id, "sb-1");
        assert_eq!(sandbox.end_at, None);
        assert_eq!(sandbox.metadata, None);
        assert_eq!(sandbox.timeline.len(), 1);
        assert_eq!(sandbox.timeline[0].status, None);
        assert_eq!(sandbox.extra["region"], "eu");
        assert!(serde_json::from_str::<Sandbox>("{}").is_err());
    }

    #[test]
    fn the_list_has_no_token_and_the_detail_says_null() {
        let mut sandbox = Sandbox::with_id("sb-1");
        assert_eq!(serde_json::to_string(&sandbox).unwrap(), r#"{"sandboxID":"sb-1"}"#);
        sandbox.envd = Some(Envd::default());
        assert_eq!(
            serde_json::to_string(&sandbox).unwrap(),
            r#"{"sandboxID":"sb-1","envdAccessToken":null,"envdUrl":null}"#
        );
    }

    #[test]
    fn a_token_is_not_printed() {
        let sandbox: Sandbox = serde_json::from_str(r#"{"sandboxID":"sb-1","envdAccessToken":"hush"}"#).unwrap();
        assert!(!format!("{sandbox:?}").contains("hush"));
        assert!(sandbox.extra.is_empty());
    }
}
