use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sandbar_protocol::{BootConfig, Diagnostic, LogLevel};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::files::Home;
use super::launcher::{Gate, Launch, Launched, Launcher};
use super::limits::Bounds;
use super::output::{LastLines, forward};
use super::sockets::Sockets;
use super::stats::Sample;
use super::tree::Tree;
use super::{health, probe, stats};
use crate::driver::{RuntimeNotice, RuntimeSpec, StartReport};

/// After a runtime's end, how long what it printed may still arrive.
const LAST_OUTPUT: Duration = Duration::from_millis(500);
/// How often to look whether a limit was reached.
const LIMITS_LOOK: Duration = Duration::from_secs(1);

/// What the driver keeps of a runtime.
#[derive(Clone)]
pub(super) struct Handle {
    end: CancellationToken,
    ended: CancellationToken,
    pub(super) bounds: Arc<Bounds>,
    /// The start that it is, once it is healthy.
    healthy: Arc<OnceLock<u64>>,
    pub(super) init_pid: Arc<OnceLock<i32>>,
    pub(super) last_sample: Arc<Mutex<Option<Sample>>>,
}

impl Handle {
    pub(super) fn new(bounds: Arc<Bounds>) -> Self {
        Self {
            end: CancellationToken::new(),
            ended: CancellationToken::new(),
            bounds,
            healthy: Arc::default(),
            init_pid: Arc::default(),
            last_sample: Arc::default(),
        }
    }

    /// Asks for its end.
    pub(super) fn end(&self) {
        self.end.cancel();
    }

    /// Waits until nothing of it is left.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// The start that it is, if it is healthy.
    pub(super) fn generation(&self) -> Option<u64> {
        self.healthy.get().copied().filter(|_| !self.has_ended())
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    pub(super) fn ends_if_dropped(&self) -> DropGuard {
        self.end.clone().drop_guard()
    }
}

/// How a runtime ended by itself, and why, if that is known.
struct Exit {
    status: String,
    cause: Option<Diagnostic>,
}

/// Where the driver waits for the outcome of a start.
type Ready = oneshot::Sender<Result<StartReport, Diagnostic>>;

/// Owns one runtime from its launch to its end.
pub(super) struct Supervisor {
    pub(super) spec: RuntimeSpec,
    pub(super) home: Home,
    pub(super) start_timeout: Duration,
    pub(super) sockets: Arc<Sockets>,
    pub(super) launcher: Arc<Launcher>,
    pub(super) notices: mpsc::Sender<RuntimeNotice>,
    pub(super) handle: Handle,
}

impl Supervisor {
    /// Runs it: tells once how the start went, and later, in a notice, of an end that nobody asked for.
    pub(super) async fn run(mut self, ready: Ready) {
        let ended = self.handle.ended.clone().drop_guard();
        let begun = Instant::now();
        let exit = match self.launch().await {
            Ok((tree, last_lines)) => self.supervise(tree, last_lines, begun.elapsed(), ready).await,
            Err(diagnostic) => {
                let _ = ready.send(Err(diagnostic));
                None
            }
        };
        self.sockets.remove(&self.spec.sandbox_id);
        self.handle.bounds.remove().await;
        drop(ended);
        if let Some(Exit { status, cause }) = exit {
            let (sandbox_id, generation) = (self.spec.sandbox_id, self.spec.generation);
            let _ = self.notices.send(RuntimeNotice::Exited { sandbox_id, generation, status, cause }).await;
        }
    }

    async fn launch(&mut self) -> Result<(Tree, LastLines), Diagnostic> {
        let id = &self.spec.sandbox_id;
        let failed = |error: io::Error| probe::launch_error(&error);
        self.handle.bounds.set_up()?;
        let launch = Launch {
            sandbox_id: id.clone(),
            home: self.home.clone(),
            memory_mb: self.spec.limits.memory_mb,
            boot: BootConfig {
                env_vars: std::mem::take(&mut self.spec.env_vars),
                start_command: self.spec.start_command.take(),
                ready_command: self.spec.ready_command.take(),
                limits: self.handle.bounds.of_each_process(),
            },
            listener: self.sockets.bind(id).map_err(failed)?,
        };
        let Launched { mut child, info, gate } = self.launcher.launch(launch).await.map_err(failed)?;
        let last_lines = LastLines::default();
        let out = forward(child.stdout.take(), LogLevel::Info, id.clone(), self.notices.clone(), LastLines::default());
        let err = forward(child.stderr.take(), LogLevel::Error, id.clone(), self.notices.clone(), last_lines.clone());
        tokio::spawn(out);
        let errors = tokio::spawn(err);
        match Tree::of(child, info).await {
            Ok(tree) => self.admit(tree, gate).await.map(|tree| (tree, last_lines)),
            Err(error) => {
                self.launcher.clear(id);
                let _ = tokio::time::timeout(LAST_OUTPUT, errors).await;
                Err(probe::bwrap_failed(&error.to_string(), &last_lines.text()))
            }
        }
    }

    /// Lets the tree run, within its limits.
    async fn admit(&self, tree: Tree, gate: Gate) -> Result<Tree, Diagnostic> {
        if let Err(diagnostic) = self.handle.bounds.admit(tree.init_pid()) {
            self.launcher.clear(&self.spec.sandbox_id);
            tree.kill().await;
            return Err(diagnostic);
        }
        // One that has ended meanwhile is noticed later.
        let _ = gate.open();
        Ok(tree)
    }

    /// Until nothing of it is left. How it ended, if nobody asked for it after its start.
    async fn supervise(
        &self,
        mut tree: Tree,
        last_lines: LastLines,
        namespaces: Duration,
        ready: Ready,
    ) -> Option<Exit> {
        let id = &self.spec.sandbox_id;
        let _ = self.handle.init_pid.set(tree.init_pid());
        // The first rates are since the start.
        stats::read(id, &self.handle, Timestamp::now());
        let begun = Instant::now();
        let started = tokio::select! {
            healthy = health::wait(&self.sockets, id, self.start_timeout) => healthy,
            status = tree.exited() => Err(exited_early(status)),
            () = self.handle.end.cancelled() => Err(Diagnostic::new("stopped", "it was stopped during its start")),
        };
        self.launcher.clear(id);
        let commands = match started {
            Ok(commands) => commands,
            Err(mut diagnostic) => {
                tree.kill().await;
                if self.handle.bounds.new_kills() {
                    diagnostic = self.handle.bounds.out_of_memory();
                }
                // What the start printed last says more than its exit code.
                let lines = last_lines.text();
                if !lines.is_empty() {
                    diagnostic.message = format!("{}: {lines}", diagnostic.message);
                }
                let _ = ready.send(Err(diagnostic));
                return None;
            }
        };
        let _ = self.handle.healthy.set(self.spec.generation);
        let _ = ready.send(Ok(StartReport::cold(namespaces, begun.elapsed(), commands)));
        let exit = tokio::select! {
            status = tree.exited() => Some(self.exit(status)),
            () = self.tell_of_kills() => None,
            () = self.handle.end.cancelled() => None,
        };
        tree.kill().await;
        exit
    }

    fn exit(&self, status: io::Result<ExitStatus>) -> Exit {
        match status {
            Ok(status) => Exit { status: status.to_string(), cause: self.handle.bounds.cause_of(status) },
            Err(error) => Exit { status: error.to_string(), cause: None },
        }
    }

    /// Writes into the sandbox's log when a process of it was killed for want of memory, for as long as it runs.
    async fn tell_of_kills(&self) {
        loop {
            tokio::time::sleep(LIMITS_LOOK).await;
            if self.handle.bounds.new_kills() {
                let line = format!("a process was killed: {}", self.handle.bounds.out_of_memory().message);
                let sandbox_id = self.spec.sandbox_id.clone();
                let _ = self.notices.try_send(RuntimeNotice::Output { sandbox_id, level: LogLevel::Error, line });
            }
        }
    }
}

fn exited_early(status: io::Result<ExitStatus>) -> Diagnostic {
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    Diagnostic::new("runtime_exited", format!("its agent ended during the start ({how})")).recommend("read its logs")
}
