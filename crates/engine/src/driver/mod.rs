//! What the engine asks of a driver: a thing that can start, stop and reach one isolated runtime per sandbox.

mod bubblewrap;
mod limits;
mod outcome;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
pub(crate) use bubblewrap::{AgentSockets, TRASH, disk_error};
pub use bubblewrap::{Bubblewrap, BubblewrapConfig, FIRST_UID, Survey};
use jiff::Timestamp;
pub use limits::{LimitsLevel, RuntimeLimits};
pub(crate) use outcome::is_outcome_unknown;
use sandbar_protocol::{Diagnostic, LogLevel, MetricSnapshot, Secret};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

/// Starts, stops and reaches runtimes. One runtime per sandbox ID at a time; the caller serialises calls on one ID.
///
/// `start`, `stop` and `destroy` can be repeated: where [`is_outcome_unknown`] holds for an error, the caller does so.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// The driver's name in logs and diagnostics, as `bubblewrap`.
    fn name(&self) -> &'static str;

    /// Whether this machine can run it; the diagnostic says what is missing and how to get it.
    async fn check(&self) -> Result<(), Diagnostic>;

    /// Which limits of its runtimes hold on this machine, and by what.
    async fn limits_level(&self) -> LimitsLevel;

    /// Takes up what an earlier engine left: ends every runtime that is not to go on, removes every mount and cgroup of
    /// sandboxes that are not `known`, sets their files aside, and gives back which of the runtimes that may go on do so, and how
    /// the others ended. Their notices are sent from here on. One sandbox that fails does not keep the others back. Called
    /// once, before any start.
    async fn recover(
        &self,
        known: &[KnownSandbox],
        notices: mpsc::Sender<RuntimeNotice>,
    ) -> Result<Vec<FoundRuntime>, Diagnostic>;

    /// Prepares a runtime up to the point at which its agent waits for its environment and commands; those of `spec` are
    /// not used. A later [`start`](Self::start) of the same sandbox ID claims it. Until then, [`stop`](Self::stop) and
    /// [`destroy`](Self::destroy) end it like any other. Its end by itself is sent to `notices`.
    async fn warm(&self, spec: RuntimeSpec, notices: mpsc::Sender<RuntimeNotice>) -> Result<(), Diagnostic>;

    /// Starts the sandbox's runtime on its files (made if there are none), or claims the one that was warmed under its ID, and
    /// resolves once its agent is healthy. An earlier runtime that still runs is stopped first.
    ///
    /// Output lines, and the exit of a runtime that had become healthy, are sent to `notices`. On an error, or when the
    /// future is dropped, nothing of the runtime is left running; the files stay.
    async fn start(&self, spec: RuntimeSpec, notices: mpsc::Sender<RuntimeNotice>) -> Result<StartReport, Diagnostic>;

    /// Kills the whole process tree and waits for its end; the files stay. Stopping what does not run is fine.
    async fn stop(&self, sandbox_id: &str) -> Result<(), Diagnostic>;

    /// Stops the runtime and removes its files. Destroying what does not exist is fine.
    async fn destroy(&self, sandbox_id: &str) -> Result<(), Diagnostic>;

    /// Current counters of the sandbox alone; `error` says why numbers are missing.
    async fn stats(&self, sandbox_id: &str) -> MetricSnapshot;

    /// Kills every runtime and waits for its end, without notices; the files stay. No start succeeds afterwards.
    async fn shut_down(&self);

    /// Opens a byte stream to the sandbox's agent, which speaks HTTP/1.1.
    async fn connect(&self, sandbox_id: &str) -> std::io::Result<Box<dyn RuntimeStream>>;
}

/// Nothing starts any more.
pub(crate) fn shutting_down() -> Diagnostic {
    Diagnostic::new("shutting_down", "the engine is shutting down").recommend("try again when it is back")
}

/// A byte stream to an agent.
pub trait RuntimeStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> RuntimeStream for T {}

/// What to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RuntimeSpec {
    /// The sandbox.
    pub sandbox_id: String,
    /// Counts the sandbox's starts; it comes back in [`RuntimeNotice::Exited`], so that a late notice is told apart.
    pub generation: u64,
    /// Environment of everything in the sandbox: the template's variables, overridden by the request's.
    pub env_vars: BTreeMap<String, Secret>,
    /// A shell command line that must exit 0 before the runtime counts as healthy.
    pub start_command: Option<String>,
    /// A shell command line, repeated until it exits 0; only then the runtime counts as healthy.
    pub ready_command: Option<String>,
    /// Where commands start, made if it can be; default `/root/workspace`.
    pub workdir: Option<String>,
    /// The folder that is its root file system, read-only; without one it is the host's `/usr`, and little else.
    pub rootfs: Option<PathBuf>,
    /// What it may use.
    pub limits: RuntimeLimits,
}

/// How a start went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartReport {
    /// Whether a warm runtime was claimed.
    pub warm: bool,
    /// What the start consisted of, in order: `namespaces`, `agent`, …, and how long each took.
    pub phases: Vec<(String, Duration)>,
}

impl StartReport {
    /// A start of its own: `namespaces`, then `agent` until it was healthy, of which the template's `commands` took
    /// their part, in the agent's own words.
    pub(crate) fn cold(namespaces: Duration, agent: Duration, commands: Option<Duration>) -> Self {
        let mut phases = vec![("namespaces".to_owned(), namespaces)];
        let commands = commands.map(|commands| commands.min(agent));
        phases.push(("agent".to_owned(), agent.saturating_sub(commands.unwrap_or_default())));
        phases.extend(commands.map(|commands| ("commands".to_owned(), commands)));
        Self { warm: false, phases }
    }

    /// A warm runtime that was claimed: `agent` until it was healthy, then the template's `commands`.
    pub(crate) fn claimed(agent: Duration, commands: Option<Duration>) -> Self {
        let cold = Self::cold(Duration::ZERO, agent, commands);
        Self { warm: true, phases: cold.phases.into_iter().skip(1).collect() }
    }
}

/// A sandbox that the store knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSandbox {
    /// The sandbox.
    pub sandbox_id: String,
    /// The start whose runtime may go on, if it is still there.
    pub runs: Option<u64>,
    /// Whether its files are to be removed; else they stay.
    pub is_deleted: bool,
}

/// A runtime that an earlier engine started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRuntime {
    /// The sandbox.
    pub sandbox_id: String,
    /// The start that it came from.
    pub generation: u64,
    /// How it ended while no engine was there; `None`: it runs.
    pub exit: Option<RuntimeExit>,
}

/// How a runtime ended without being asked to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeExit {
    /// For people: `exit status: 1`, `signal: 9 (SIGKILL)`.
    pub status: String,
    /// Why, if the driver knows: `out_of_memory`, for one.
    pub cause: Option<Diagnostic>,
}

/// What a runtime tells the engine by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RuntimeNotice {
    /// A line that the agent or the start command printed (without the newline, at most 8 KiB).
    Output {
        /// The sandbox.
        sandbox_id: String,
        /// When it was printed.
        time: Timestamp,
        /// `Info` for standard output, `Error` for standard error.
        level: LogLevel,
        /// The text, lossily decoded.
        line: String,
    },
    /// A healthy runtime ended without being asked to, or a warm one (its generation is that of its `spec`).
    Exited {
        /// The sandbox.
        sandbox_id: String,
        /// The start that ended.
        generation: u64,
        /// How, for people: `exit status: 1`, `signal: 9 (SIGKILL)`.
        status: String,
        /// Why, if the driver knows: `out_of_memory`, for one.
        cause: Option<Diagnostic>,
    },
}

impl RuntimeNotice {
    /// Whose runtime it is about.
    pub(crate) fn sandbox_id(&self) -> &str {
        match self {
            Self::Output { sandbox_id, .. } | Self::Exited { sandbox_id, .. } => sandbox_id,
        }
    }
}
