//! What sandboxes are made from: two built-in templates, and definitions in `{data-dir}/templates/tpl-….json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sandbar_protocol::{Diagnostic, Secret, env_vars_from_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::driver::{RuntimeLimits, RuntimeSpec};

const BUILT_IN: [&str; 2] = ["base", "code-interpreter"];

/// A template's definition. All sizes are what the detail shows; limits come from the driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Template {
    /// A shell command line that must exit 0 before a sandbox is ready.
    pub start_command: Option<String>,
    /// A shell command line, repeated until it exits 0; only then a sandbox is ready.
    pub ready_command: Option<String>,
    /// Environment, overridden by the request's.
    #[serde(deserialize_with = "env_vars")]
    pub env_vars: BTreeMap<String, Secret>,
    /// CPUs.
    pub cpu_count: u32,
    /// Memory in MiB.
    #[serde(rename = "memoryMB")]
    pub memory_mb: u64,
    /// Disk in MiB.
    #[serde(rename = "diskSizeMB")]
    pub disk_size_mb: u64,
}

impl Template {
    /// A runtime made from it, with this environment in place of its own.
    pub(crate) fn runtime(
        &self,
        sandbox_id: String,
        generation: u64,
        env_vars: BTreeMap<String, Secret>,
    ) -> RuntimeSpec {
        RuntimeSpec {
            sandbox_id,
            generation,
            env_vars,
            start_command: self.start_command.clone(),
            ready_command: self.ready_command.clone(),
            limits: RuntimeLimits {
                cpu_count: self.cpu_count,
                memory_mb: self.memory_mb,
                disk_size_mb: self.disk_size_mb,
            },
        }
    }
}

fn env_vars<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Secret>, D::Error> {
    env_vars_from_json(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

impl Default for Template {
    fn default() -> Self {
        let env_vars = BTreeMap::new();
        Self { start_command: None, ready_command: None, env_vars, cpu_count: 1, memory_mb: 512, disk_size_mb: 1024 }
    }
}

/// Where templates are found.
#[derive(Clone, Debug)]
pub struct Templates {
    folder: PathBuf,
}

/// Why a template can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is none of that name.
    #[error("template {name:?} is not known: use one of {}", known.join(", "))]
    NotFound {
        /// The name asked for.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// Its definition can't be read.
    #[error("template {name:?} has a broken definition: {why}")]
    Broken {
        /// The name asked for.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

impl TemplateError {
    /// The same for the wire.
    pub fn diagnostic(&self) -> Diagnostic {
        let message = self.to_string();
        match self {
            Self::NotFound { .. } => Diagnostic::new("template_not_found", message)
                .recommend("put its definition back into the folder `templates` in the data folder"),
            Self::Broken { .. } => Diagnostic::new("template_broken", message)
                .recommend("correct its definition in the folder `templates` in the data folder"),
        }
    }
}

impl Templates {
    /// Templates with definitions in `folder`, which need not exist.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Reads a template by its (checked) name.
    pub async fn find(&self, name: &str) -> Result<Template, TemplateError> {
        if BUILT_IN.contains(&name) {
            return Ok(Template::default());
        }
        // Only `tpl-…` names a file; the name's characters were checked on arrival.
        let file = self.folder.join(format!("{name}.json"));
        let bytes = match name.starts_with("tpl-") {
            true => tokio::fs::read(&file).await,
            false => Err(std::io::ErrorKind::NotFound.into()),
        };
        let broken = |why: String| TemplateError::Broken { name: name.to_owned(), why };
        match bytes {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(TemplateError::NotFound { name: name.to_owned(), known: self.names().await })
            }
            Err(error) => Err(broken(error.to_string())),
        }
    }

    /// Whether the folder can be read, if it is there.
    pub(crate) async fn check(&self) -> std::io::Result<()> {
        match tokio::fs::read_dir(&self.folder).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// All names, built-in first.
    pub async fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Ok(mut entries) = tokio::fs::read_dir(&self.folder).await {
            while let Ok(Some(entry)) = entries.next_entry().await {
                let file = entry.file_name().to_string_lossy().into_owned();
                names.extend(file.strip_suffix(".json").filter(|name| name.starts_with("tpl-")).map(str::to_owned));
            }
        }
        names.sort();
        BUILT_IN.map(str::to_owned).into_iter().chain(names).collect()
    }
}
