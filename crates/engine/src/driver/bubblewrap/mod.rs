//! The driver `bubblewrap`: a process tree in its own user, pid, mount, ipc, uts and network namespaces.
//!
//! `bwrap` builds the namespaces; inside runs the agent, on a listening socket that was bound out here. What isolates
//! what, and what a shared kernel means, is in `docs/isolation.md`.

mod arguments;
mod budget;
mod busy;
mod cgroup;
mod files;
mod health;
mod hidden;
mod home_size;
mod home_watch;
mod launcher;
mod leftovers;
mod limits;
mod open_files_watch;
mod output;
mod owner;
mod probe;
mod processes;
mod rootfs;
mod runtimes;
mod seccomp;
mod skeleton;
mod sockets;
mod stage;
mod stats;
mod supervisor;
mod survey;
mod trash;
mod tree;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, MetricSnapshot};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::{Driver, FoundRuntime, KnownSandbox, LimitsLevel, RuntimeNotice, RuntimeSpec, RuntimeStream, StartReport};
use files::Files;
pub(crate) use files::TRASH;
use home_watch::HomeWatch;
use launcher::Launcher;
use limits::Limits;
use open_files_watch::OpenFilesWatch;
use output::Notices;
use rootfs::Rootfs;
use runtimes::Runtimes;
pub(crate) use sockets::Sockets as AgentSockets;
use sockets::Sockets;
use supervisor::{Handle, Order, Supervisor};
pub use survey::Survey;

/// As root, each sandbox runs under a user ID of its own, by default from here on.
pub const FIRST_UID: u32 = 2_000_000;

/// How a bubblewrap driver is set up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BubblewrapConfig {
    /// Sandboxes' files go to `sandboxes/`, sockets to `run/` in here; it must be private to the engine's user.
    pub data_dir: PathBuf,
    /// The agent's static binary.
    pub agent: PathBuf,
    /// The program, searched in `PATH` if it is a bare name. Default `bwrap`.
    pub bwrap: PathBuf,
    /// How long a start may take until the agent is healthy. Default 60 s.
    pub start_timeout: Duration,
    /// As root, each sandbox runs under a user ID of its own from here on. Default 2,000,000.
    pub first_uid: u32,
    /// How many user IDs there are. Default 65,536.
    pub uid_count: u32,
    /// The most processes and threads of one sandbox. Default 512.
    pub max_processes: u64,
    /// What the kernel says of the machine's open files. Default `/proc/sys/fs/file-nr`.
    #[serde(default = "file_nr")]
    pub file_nr: PathBuf,
}

fn file_nr() -> PathBuf {
    "/proc/sys/fs/file-nr".into()
}

impl BubblewrapConfig {
    /// The defaults with a data folder and an agent.
    pub fn new(data_dir: &Path, agent: PathBuf) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            agent,
            bwrap: "bwrap".into(),
            start_timeout: Duration::from_secs(60),
            first_uid: FIRST_UID,
            uid_count: 65_536,
            max_processes: 512,
            file_nr: file_nr(),
        }
    }
}

/// How a start fails by what the template asks for: a new runtime would not do better.
const COMMANDS_FAILED: [&str; 3] = ["start_command_failed", "readiness_timeout", "workdir_unusable"];

/// Starts sandboxes with `bwrap`.
pub struct Bubblewrap {
    config: BubblewrapConfig,
    files: Files,
    sockets: Arc<Sockets>,
    launcher: Arc<Launcher>,
    limits: Limits,
    runtimes: Arc<Runtimes>,
    home_watch: HomeWatch,
    _open_files_watch: OpenFilesWatch,
}

impl Bubblewrap {
    /// Sets up the folders and the thread that starts sandboxes. Must be called within a tokio runtime.
    pub fn new(config: BubblewrapConfig) -> Result<Self, Diagnostic> {
        probe::agent(&config.agent)?;
        leftovers::end();
        let files = Files::open(&config)?;
        let sockets = Arc::new(Sockets::open(&config.data_dir)?);
        let launcher = Arc::new(Launcher::start(&config, &sockets)?);
        let limits = Limits::open(&config)?;
        let runtimes = Arc::new(Runtimes::new());
        let home_watch = HomeWatch::start(files.folder().to_owned(), runtimes.clone());
        let open_files_watch = OpenFilesWatch::start(config.file_nr.clone(), runtimes.clone());
        Ok(Self { config, files, sockets, launcher, limits, runtimes, home_watch, _open_files_watch: open_files_watch })
    }
}

impl Bubblewrap {
    /// Removes what a driver that was killed has left, once nothing of it runs any more. The files of sandboxes stay.
    pub(crate) async fn clear(config: &BubblewrapConfig) {
        let config = config.clone();
        let cleared = tokio::task::spawn_blocking(move || {
            leftovers::end();
            drop(Limits::open(&config));
            drop(Sockets::open(&config.data_dir).map(|sockets| sockets.close()));
        });
        // The next driver tries again.
        let _ = cleared.await;
    }

    /// All that a runtime needs before its launch.
    async fn prepare(&self, spec: &RuntimeSpec) -> Result<Supervisor, Diagnostic> {
        // A runtime that is still ending would share the files with the new one.
        self.stop(&spec.sandbox_id).await?;
        let rootfs = spec.rootfs.as_deref().map(Rootfs::open).transpose()?.map(Arc::new);
        let home = self.files.prepare(&spec.sandbox_id).await?;
        let bounds = Arc::new(self.limits.bounds(&spec.sandbox_id, spec.limits));
        self.home_watch.set_allowance(&spec.sandbox_id, bounds.home_bytes()).await;
        let handle = Handle::new(bounds);
        self.runtimes.insert(&spec.sandbox_id, handle.clone())?;
        Ok(Supervisor {
            sandbox_id: spec.sandbox_id.clone(),
            memory_mb: spec.limits.memory_mb,
            home,
            rootfs,
            start_timeout: self.config.start_timeout,
            sockets: self.sockets.clone(),
            launcher: self.launcher.clone(),
            notices: Notices::default(),
            handle,
        })
    }

    /// Waits for what a supervisor tells; nothing is left of a runtime that failed, or that nobody waits for any more.
    async fn outcome<T>(
        &self,
        sandbox_id: &str,
        handle: &Handle,
        told: oneshot::Receiver<Result<T, Diagnostic>>,
    ) -> Result<T, Diagnostic> {
        let unready = handle.ends_if_dropped();
        let outcome = told.await.unwrap_or_else(|_| {
            Err(Diagnostic::new("runtime_exited", "the runtime ended during its start").recommend("read its logs"))
        });
        match outcome {
            Ok(_) => drop(unready.disarm()),
            Err(_) => {
                handle.ended().await;
                self.runtimes.remove(sandbox_id);
            }
        }
        outcome
    }

    /// Gives a sandbox the runtime that was warmed for it. `None` if there is none, or it was of no use.
    async fn claim(
        &self,
        spec: &RuntimeSpec,
        notices: &mpsc::Sender<RuntimeNotice>,
    ) -> Option<Result<StartReport, Diagnostic>> {
        let handle = self.runtimes.get(&spec.sandbox_id)?;
        let claim = handle.take_claim()?;
        let (ready, told) = oneshot::channel();
        claim.send(Order { spec: spec.clone(), notices: notices.clone(), ready }).ok()?;
        match self.outcome(&spec.sandbox_id, &handle, told).await {
            Err(diagnostic) if !COMMANDS_FAILED.contains(&diagnostic.reason.as_str()) => {
                tracing::warn!(sandbox = spec.sandbox_id, "its warm runtime was of no use: {}", diagnostic.message);
                None
            }
            outcome => Some(outcome),
        }
    }
}

#[async_trait]
impl Driver for Bubblewrap {
    fn name(&self) -> &'static str {
        "bubblewrap"
    }

    async fn check(&self) -> Result<(), Diagnostic> {
        probe::agent(&self.config.agent)?;
        probe::namespaces(&self.config, &self.launcher).await
    }

    async fn limits_level(&self) -> LimitsLevel {
        self.limits.level()
    }

    async fn recover(
        &self,
        known: &[KnownSandbox],
        _notices: mpsc::Sender<RuntimeNotice>,
    ) -> Result<Vec<FoundRuntime>, Diagnostic> {
        // Once more: one that was about to become a `bwrap` had no name yet when this driver began.
        leftovers::end();
        let wanted: HashMap<&str, Option<u64>> =
            known.iter().map(|known| (known.sandbox_id.as_str(), known.runs)).collect();
        let mut found = Vec::new();
        for (sandbox_id, handle) in self.runtimes.all() {
            let wanted = wanted.get(sandbox_id.as_str()).copied().flatten();
            match handle.found().filter(|(generation, _)| wanted == Some(*generation)) {
                Some((generation, exit)) => found.push(FoundRuntime { sandbox_id, generation, exit }),
                None => self.stop(&sandbox_id).await?,
            }
        }
        let deleted: HashMap<&str, bool> =
            known.iter().map(|known| (known.sandbox_id.as_str(), known.is_deleted)).collect();
        self.files.clear(|sandbox_id| deleted.get(sandbox_id).copied()).await?;
        Ok(found)
    }

    async fn warm(&self, spec: RuntimeSpec, notices: mpsc::Sender<RuntimeNotice>) -> Result<(), Diagnostic> {
        let supervisor = self.prepare(&spec).await?;
        let handle = supervisor.handle.clone();
        let (warmed_sender, warmed) = oneshot::channel();
        let (claim, claimed) = oneshot::channel();
        tokio::spawn(supervisor.warm(spec.generation, notices, warmed_sender, claimed));
        self.outcome(&spec.sandbox_id, &handle, warmed).await?;
        handle.set_warm(claim);
        Ok(())
    }

    async fn start(&self, spec: RuntimeSpec, notices: mpsc::Sender<RuntimeNotice>) -> Result<StartReport, Diagnostic> {
        if let Some(claimed) = self.claim(&spec, &notices).await {
            return claimed;
        }
        let supervisor = self.prepare(&spec).await?;
        let (sandbox_id, handle) = (spec.sandbox_id.clone(), supervisor.handle.clone());
        let (ready_sender, ready) = oneshot::channel();
        tokio::spawn(supervisor.run(Order { spec, notices, ready: ready_sender }));
        self.outcome(&sandbox_id, &handle, ready).await
    }

    async fn stop(&self, sandbox_id: &str) -> Result<(), Diagnostic> {
        if let Some(handle) = self.runtimes.get(sandbox_id) {
            handle.end();
            handle.ended().await;
            self.runtimes.remove(sandbox_id);
        }
        Ok(())
    }

    async fn destroy(&self, sandbox_id: &str) -> Result<(), Diagnostic> {
        self.stop(sandbox_id).await?;
        self.home_watch.forget(sandbox_id);
        self.files.remove(sandbox_id).await
    }

    async fn stats(&self, sandbox_id: &str) -> MetricSnapshot {
        let now = Timestamp::now();
        let Some(handle) = self.runtimes.get(sandbox_id).filter(|handle| !handle.has_ended()) else {
            return MetricSnapshot::unavailable(sandbox_id, now, "sandbox is not running");
        };
        let id = sandbox_id.to_owned();
        // It may have hundreds of processes to look at.
        let read = tokio::task::spawn_blocking(move || stats::read(&id, &handle, now)).await;
        read.unwrap_or_else(|error| MetricSnapshot::unavailable(sandbox_id, now, error.to_string()))
    }

    async fn shut_down(&self) {
        let handles = self.runtimes.close();
        handles.iter().for_each(Handle::end);
        for handle in handles {
            handle.ended().await;
        }
        self.launcher.stop();
        self.limits.close();
        self.sockets.close();
    }

    async fn connect(&self, sandbox_id: &str) -> std::io::Result<Box<dyn RuntimeStream>> {
        Ok(Box::new(self.sockets.connect(sandbox_id).await?))
    }
}

/// A diagnostic of something that the operating system refused.
pub(crate) fn disk_error(what: &str, path: &Path, error: &std::io::Error) -> Diagnostic {
    let message = format!("{what} {}: {error}", path.display());
    disk_full(&message, error).unwrap_or_else(|| {
        Diagnostic::new("disk_error", message)
            .recommend("check that the data folder belongs to the engine's user and may be written to")
    })
}

fn disk_full(message: &str, error: &std::io::Error) -> Option<Diagnostic> {
    let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    full.then(|| {
        Diagnostic::new("disk_full", message)
            .recommend("make room on the data folder's disk (`df -h`, `df -i`): delete sandboxes that are not needed")
    })
}
