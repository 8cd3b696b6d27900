//! What sandboxes are made from: two built-in templates, and definitions in `{data-dir}/templates/tpl-….toml`.

mod beneath;
mod bounded;
mod built_in;
mod definition;
mod error;
mod list;
mod rootfs;
mod unpack;
mod unpacked;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sandbar_protocol::{Diagnostic, Secret, closest};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::driver::{RuntimeLimits, RuntimeSpec};
use built_in::BUILT_IN;
pub use error::TemplateError;
pub use rootfs::Rootfs;
use unpacked::Unpacked;

/// The definitions' folder in the data folder, and where root file systems are unpacked.
pub(crate) const TEMPLATES: &str = "templates";
pub(crate) const UNPACKED: &str = "rootfs";

/// Where `code-interpreter` has its interpreter.
const PYTHON: &str = "/usr/bin/python3";

/// A template's definition. All sizes are what the detail shows; limits come from the driver.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// A sentence for people.
    pub description: Option<String>,
    /// A shell command line that must exit 0 before a sandbox is ready.
    pub start_command: Option<String>,
    /// A shell command line, repeated until it exits 0; only then a sandbox is ready.
    pub ready_command: Option<String>,
    /// Environment, overridden by the request's.
    pub env_vars: BTreeMap<String, Secret>,
    /// Where commands start.
    pub workdir: String,
    /// CPUs.
    pub cpu_count: u32,
    /// Memory in MiB.
    pub memory_mb: u64,
    /// Disk in MiB.
    pub disk_size_mb: u64,
    /// What is `/` inside. As the rest, it tells one definition from another: a root file system that was replaced is
    /// not equal to what it was.
    pub rootfs: Rootfs,
}

impl Template {
    /// A runtime made from it, with this environment in place of its own, in this root file system.
    pub(crate) fn runtime(
        &self,
        sandbox_id: String,
        generation: u64,
        env_vars: BTreeMap<String, Secret>,
        rootfs: Option<PathBuf>,
    ) -> RuntimeSpec {
        RuntimeSpec {
            sandbox_id,
            generation,
            env_vars,
            start_command: self.start_command.clone(),
            ready_command: self.ready_command.clone(),
            workdir: Some(self.workdir.clone()),
            rootfs,
            limits: RuntimeLimits {
                cpu_count: self.cpu_count,
                memory_mb: self.memory_mb,
                disk_size_mb: self.disk_size_mb,
            },
        }
    }
}

impl Default for Template {
    fn default() -> Self {
        Self {
            description: None,
            start_command: None,
            ready_command: None,
            env_vars: BTreeMap::new(),
            workdir: "/root/workspace".to_owned(),
            cpu_count: 1,
            memory_mb: 512,
            disk_size_mb: 1024,
            rootfs: Rootfs::Host,
        }
    }
}

/// Where templates are found.
#[derive(Clone, Debug)]
pub struct Templates {
    folder: PathBuf,
    unpacked: Unpacked,
    python: PathBuf,
}

/// A template's root file system, ready to be used.
pub(crate) struct ReadyRootfs {
    /// Its folder; `None` is the host's `/usr`.
    pub(crate) folder: Option<PathBuf>,
    /// How long it took to unpack it.
    pub(crate) unpacking: Option<Duration>,
}

impl Templates {
    /// Templates with definitions in the folder `templates` of a data folder, which need not exist.
    pub fn in_data_dir(data_dir: &Path) -> Self {
        let unpacked = Unpacked::in_folder(data_dir.join(UNPACKED));
        Self { folder: data_dir.join(TEMPLATES), unpacked, python: PYTHON.into() }
    }

    /// The same with the interpreter of `code-interpreter` elsewhere.
    pub fn with_python(self, python: PathBuf) -> Self {
        Self { python, ..self }
    }

    /// Reads a template by its (checked) name, and looks at its root file system.
    pub async fn find(&self, name: &str) -> Result<Template, TemplateError> {
        match name {
            "base" => return Ok(built_in::base()),
            "code-interpreter" => return built_in::code_interpreter(&self.python),
            _ => {}
        }
        // Only `tpl-…` names a file; the name's characters were checked on arrival.
        let text = match name.starts_with("tpl-") {
            true => read_definition(&self.file(name)).await,
            false => Err(io::ErrorKind::NotFound.into()),
        };
        match text {
            Ok(text) => definition::read(name, &text, &self.folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.not_found(name).await),
            Err(error) => Err(TemplateError::Broken { name: name.to_owned(), why: error.to_string() }),
        }
    }

    /// Makes the template's root file system ready: a tar is unpacked, once, and whoever else wants it waits.
    pub(crate) async fn ready_rootfs(&self, template: &Template) -> Result<ReadyRootfs, Diagnostic> {
        let begun = Instant::now();
        let (folder, unpacking) = match &template.rootfs {
            Rootfs::Host => (None, None),
            Rootfs::Folder(folder) => (Some(folder.path().to_owned()), None),
            Rootfs::Tar(tar) => {
                let (folder, waited) = self.unpacked.folder_of(tar).await?;
                (Some(folder), waited.then(|| begun.elapsed()))
            }
        };
        Ok(ReadyRootfs { folder, unpacking })
    }

    /// Removes unpacked root file systems that no template has any more, and no sandbox uses.
    pub(crate) async fn remove_stale(&self) {
        let mut versions = Vec::new();
        for name in self.names().await {
            if let Ok(Template { rootfs: Rootfs::Tar(tar), .. }) = self.find(&name).await {
                versions.push(tar.version().to_owned());
            }
        }
        self.unpacked.keep_only(&versions).await;
    }

    /// Whether the folder can be read, if it is there.
    pub(crate) async fn check(&self) -> io::Result<()> {
        match tokio::fs::read_dir(&self.folder).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// All names, built-in first.
    pub async fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Ok(mut entries) = tokio::fs::read_dir(&self.folder).await {
            while let Ok(Some(entry)) = entries.next_entry().await {
                let file = entry.file_name().to_string_lossy().into_owned();
                names.extend(file.strip_suffix(".toml").filter(|name| name.starts_with("tpl-")).map(str::to_owned));
            }
        }
        names.sort();
        BUILT_IN.map(str::to_owned).into_iter().chain(names).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }

    async fn not_found(&self, name: &str) -> TemplateError {
        let json = self.folder.join(format!("{name}.json"));
        if name.starts_with("tpl-") && tokio::fs::try_exists(&json).await.unwrap_or(false) {
            let why = format!("{name}.json is not read: definitions are TOML now: write it anew as {name}.toml");
            return TemplateError::Broken { name: name.to_owned(), why };
        }
        let known = self.names().await;
        let words: Vec<&str> = known.iter().map(String::as_str).collect();
        let prefixed = format!("tpl-{name}");
        let meant = closest(&prefixed, &words).filter(|_| !name.starts_with("tpl-")).or_else(|| closest(name, &words));
        TemplateError::NotFound { name: name.to_owned(), meant: meant.map(str::to_owned), known }
    }
}

async fn read_definition(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(definition::MAX_BYTES + 1).read_to_string(&mut text).await?;
    if text.len() as u64 > definition::MAX_BYTES {
        let why = format!(
            "the file has more than {} bytes, the most that a definition may have: `start_command` and `ready_command` \
             are short commands; put a long one into a script in its root file system",
            definition::MAX_BYTES
        );
        return Err(io::Error::other(why));
    }
    Ok(text)
}
