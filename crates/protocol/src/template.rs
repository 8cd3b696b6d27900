use serde::{Deserialize, Serialize};

use crate::Diagnostic;
use crate::lenient::{lenient, lenient_list};

/// A template as `GET /templates` lists it and `GET /templates/resolve/:ref` answers. What a definition that can't be
/// read would say is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateInfo {
    /// What a create names: `base`, `code-interpreter`, `tpl-…`.
    #[serde(rename = "templateID")]
    pub template_id: String,
    /// Other names that resolve to it.
    #[serde(deserialize_with = "lenient_list")]
    pub aliases: Vec<String>,
    /// A sentence for people.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// CPUs.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub cpu_count: Option<u32>,
    /// Memory in MiB.
    #[serde(rename = "memoryMB", deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    /// Size of the home in MiB.
    #[serde(rename = "diskSizeMB", deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub disk_size_mb: Option<u64>,
    /// Where its root file system comes from: `host`, `folder` or `tar`.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub rootfs: Option<String>,
    /// Where its commands start.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// Whether sandboxes can be made from it.
    pub available: bool,
    /// Why not.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<Diagnostic>,
}
