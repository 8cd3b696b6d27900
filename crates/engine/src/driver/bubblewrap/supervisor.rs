use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sandbar_protocol::{BootConfig, Diagnostic, LogLevel, RateWindow};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::files::Home;
use super::launcher::{self, Gate, Launched, Launcher};
use super::limits::Bounds;
use super::output::{LastLines, Notices, forward};
use super::rootfs::Rootfs;
use super::sockets::Sockets;
use super::stats::Sample;
use super::tree::Tree;
use super::{health, probe, stats};
use crate::driver::{RuntimeExit, RuntimeNotice, RuntimeSpec, StartReport};

/// After a runtime's end, how long what it printed, or its exit status, may still arrive.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How often to look whether a limit was reached.
const LIMITS_LOOK: Duration = Duration::from_millis(250);

/// What the driver keeps of a runtime.
#[derive(Clone)]
pub(super) struct Handle {
    end: CancellationToken,
    /// Why the driver ends it by itself.
    end_cause: Arc<OnceLock<Diagnostic>>,
    ended: CancellationToken,
    pub(super) bounds: Arc<Bounds>,
    /// The start that it is, once it is healthy.
    healthy: Arc<OnceLock<u64>>,
    /// How it ended, if nobody asked for that.
    exit: Arc<OnceLock<RuntimeExit>>,
    /// Where the sandbox that claims it says so, as long as it is warm.
    claim: Arc<Mutex<Option<oneshot::Sender<Order>>>>,
    pub(super) init_pid: Arc<OnceLock<i32>>,
    pub(super) samples: Arc<Mutex<RateWindow<Sample>>>,
}

impl Handle {
    pub(super) fn new(bounds: Arc<Bounds>) -> Self {
        Self {
            end: CancellationToken::new(),
            end_cause: Arc::default(),
            ended: CancellationToken::new(),
            bounds,
            healthy: Arc::default(),
            exit: Arc::default(),
            claim: Arc::default(),
            init_pid: Arc::default(),
            samples: Arc::default(),
        }
    }

    /// Asks for its end.
    pub(super) fn end(&self) {
        self.end.cancel();
    }

    /// Ends it without being asked to.
    pub(super) fn end_for(&self, cause: Diagnostic) {
        let _ = self.end_cause.set(cause);
        self.end.cancel();
    }

    /// Whether its end was asked for, or is over.
    pub(super) fn is_ending(&self) -> bool {
        self.end.is_cancelled() || self.has_ended()
    }

    /// Waits until nothing of it is left.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// The start that it is or was, and how it ended; `None` if it has not become healthy, or was asked to end.
    pub(super) fn found(&self) -> Option<(u64, Option<RuntimeExit>)> {
        let ended = self.has_ended();
        let exit = self.exit.get().cloned();
        self.healthy.get().copied().filter(|_| !ended || exit.is_some()).map(|generation| (generation, exit))
    }

    /// It is warm, and waits to be claimed.
    pub(super) fn set_warm(&self, claim: oneshot::Sender<Order>) {
        *self.claim.lock().unwrap_or_else(PoisonError::into_inner) = Some(claim);
    }

    /// The way to claim it, if it is warm: there is only one.
    pub(super) fn take_claim(&self) -> Option<oneshot::Sender<Order>> {
        self.claim.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    pub(super) fn ends_if_dropped(&self) -> DropGuard {
        self.end.clone().drop_guard()
    }
}

/// What a sandbox wants of its runtime.
pub(super) struct Order {
    pub(super) spec: RuntimeSpec,
    pub(super) notices: mpsc::Sender<RuntimeNotice>,
    /// Where the driver waits for the outcome of the start.
    pub(super) ready: oneshot::Sender<Result<StartReport, Diagnostic>>,
}

/// Owns one runtime from its launch to its end.
pub(super) struct Supervisor {
    pub(super) sandbox_id: String,
    pub(super) memory_mb: u64,
    pub(super) home: Home,
    pub(super) rootfs: Option<Arc<Rootfs>>,
    pub(super) start_timeout: Duration,
    pub(super) sockets: Arc<Sockets>,
    pub(super) launcher: Arc<Launcher>,
    pub(super) notices: Notices,
    pub(super) handle: Handle,
}

/// A tree whose agent waits for its configuration.
struct Launch {
    tree: Tree,
    last_lines: LastLines,
    boot: OwnedFd,
}

impl Supervisor {
    /// Runs it for a sandbox: tells once how the start went, and later, in a notice, of an end that nobody asked for.
    pub(super) async fn run(self, order: Order) {
        self.notices.listen(order.notices.clone());
        let ended = self.handle.ended.clone().drop_guard();
        let begun = Instant::now();
        let exit = match self.launch().await {
            Ok(launched) => self.supervise(launched, Some(begun.elapsed()), order).await,
            Err(diagnostic) => {
                let _ = order.ready.send(Err(diagnostic));
                None
            }
        };
        let notices = self.notices.clone();
        self.clean_up(ended, exit, notices).await;
    }

    /// Launches it, tells whether that went well, and runs it for the sandbox that claims it. Its own end before that is told
    /// to `notices`, what it prints is not.
    pub(super) async fn warm(
        self,
        generation: u64,
        notices: mpsc::Sender<RuntimeNotice>,
        warmed: oneshot::Sender<Result<(), Diagnostic>>,
        claim: oneshot::Receiver<Order>,
    ) {
        let ended = self.handle.ended.clone().drop_guard();
        let (exit, notices) = match self.launch().await {
            Ok(mut launched) => {
                let _ = warmed.send(Ok(()));
                let (order, exit) = tokio::select! {
                    order = claim => (order.ok(), None),
                    status = launched.tree.exited() => (None, Some((generation, self.exit(status)))),
                    () = self.handle.end.cancelled() => (None, None),
                };
                match order {
                    Some(order) => (self.supervise(launched, None, order).await, self.notices.clone()),
                    None => {
                        self.launcher.clear(&self.sandbox_id);
                        launched.tree.kill().await;
                        (exit, Notices::to(notices))
                    }
                }
            }
            Err(diagnostic) => {
                let _ = warmed.send(Err(diagnostic));
                (None, Notices::default())
            }
        };
        self.clean_up(ended, exit, notices).await;
    }

    /// Nothing runs any more: nothing is left of it then.
    async fn clean_up(self, ended: DropGuard, exit: Option<(u64, RuntimeExit)>, notices: Notices) {
        self.sockets.remove(&self.sandbox_id);
        self.handle.bounds.remove().await;
        if let Some((_, exit)) = &exit {
            let _ = self.handle.exit.set(exit.clone());
        }
        drop(ended);
        if let Some((generation, RuntimeExit { status, cause })) = exit {
            let sandbox_id = self.sandbox_id;
            notices.send(RuntimeNotice::Exited { sandbox_id, generation, status, cause }).await;
        }
    }

    async fn launch(&self) -> Result<Launch, Diagnostic> {
        let id = &self.sandbox_id;
        let failed = |error: io::Error| probe::launch_error(&error);
        self.handle.bounds.set_up()?;
        let launch = launcher::Launch {
            sandbox_id: id.clone(),
            home: self.home.clone(),
            rootfs: self.rootfs.clone(),
            memory_mb: self.memory_mb,
            listener: self.sockets.bind(id).map_err(failed)?,
        };
        let Launched { mut child, info, gate, boot } = self.launcher.launch(launch).await.map_err(failed)?;
        let last_lines = LastLines::default();
        let out = forward(child.stdout.take(), LogLevel::Info, id.clone(), self.notices.clone(), LastLines::default());
        let err = forward(child.stderr.take(), LogLevel::Error, id.clone(), self.notices.clone(), last_lines.clone());
        tokio::spawn(out);
        let errors = tokio::spawn(err);
        match Tree::of(child, info).await {
            Ok(tree) => Ok(Launch { tree: self.admit(tree, gate).await?, last_lines, boot }),
            Err(error) => {
                self.launcher.clear(id);
                let _ = tokio::time::timeout(LAST_WORDS, errors).await;
                Err(probe::bwrap_failed(&error.to_string(), &last_lines.text()))
            }
        }
    }

    /// Lets the tree run, within its limits.
    async fn admit(&self, tree: Tree, gate: Gate) -> Result<Tree, Diagnostic> {
        if let Err(diagnostic) = self.handle.bounds.admit(tree.init_pid()) {
            self.launcher.clear(&self.sandbox_id);
            tree.kill().await;
            return Err(diagnostic);
        }
        // One that has ended meanwhile is noticed later.
        let _ = gate.open();
        Ok(tree)
    }

    /// Until nothing of it is left. How it ended, if nobody asked for it after its start. `namespaces` is what a cold
    /// start's launch took.
    async fn supervise(
        &self,
        launched: Launch,
        namespaces: Option<Duration>,
        order: Order,
    ) -> Option<(u64, RuntimeExit)> {
        let Launch { mut tree, last_lines, boot } = launched;
        let Order { spec, notices, ready } = order;
        self.notices.listen(notices);
        let (id, generation) = (&self.sandbox_id, spec.generation);
        let _ = self.handle.init_pid.set(tree.init_pid());
        // The first rates are since the start.
        stats::read(id, &self.handle, Timestamp::now());
        let begun = Instant::now();
        // Beside the rest: an agent that does not read is noticed by its silence.
        tokio::spawn(configure(boot, self.configuration(spec)));
        let mut started = tokio::select! {
            healthy = health::wait(&self.sockets, id, self.start_timeout) => healthy,
            status = tree.exited() => Err(exited_early(status)),
            () = self.handle.end.cancelled() => Err(self.handle.end_cause.get().cloned().unwrap_or_else(stopped)),
        };
        if started.as_ref().is_err_and(health::is_broken_off)
            // A connection breaks off before the end of the process behind it is known.
            && let Ok(status) = tokio::time::timeout(LAST_WORDS, tree.exited()).await
        {
            started = Err(exited_early(status));
        }
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
        let _ = self.handle.healthy.set(generation);
        let report = match namespaces {
            Some(namespaces) => StartReport::cold(namespaces, begun.elapsed(), commands),
            None => StartReport::claimed(begun.elapsed(), commands),
        };
        let _ = ready.send(Ok(report));
        let exit = tokio::select! {
            status = tree.exited() => Some(self.exit(status)),
            () = self.tell_of_kills() => None,
            () = self.handle.end.cancelled() => self.handle.end_cause.get().map(ended_for),
        };
        tree.kill().await;
        exit.map(|exit| (generation, exit))
    }

    fn configuration(&self, spec: RuntimeSpec) -> BootConfig {
        BootConfig {
            env_vars: spec.env_vars,
            start_command: spec.start_command,
            ready_command: spec.ready_command,
            workdir: spec.workdir,
            limits: self.handle.bounds.of_each_process(),
            size: spec.limits.into(),
        }
    }

    fn exit(&self, status: io::Result<ExitStatus>) -> RuntimeExit {
        let cause = status.as_ref().ok().and_then(|status| self.handle.bounds.cause_of(*status));
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        RuntimeExit { status, cause }
    }

    /// Writes into the sandbox's log when a process of it was killed for want of memory, for as long as it runs.
    async fn tell_of_kills(&self) {
        let mut looked = Instant::now();
        loop {
            tokio::time::sleep(LIMITS_LOOK).await;
            let now = Instant::now();
            self.handle.bounds.give_way(now - looked);
            looked = now;
            if self.handle.bounds.new_kills() {
                let line = format!("a process was killed: {}", self.handle.bounds.out_of_memory().message);
                let (sandbox_id, time) = (self.sandbox_id.clone(), Timestamp::now());
                self.notices.try_send(RuntimeNotice::Output { sandbox_id, time, level: LogLevel::Error, line });
            }
        }
    }
}

/// Gives the agent its configuration, whose end is the end of the pipe.
async fn configure(boot: OwnedFd, configuration: BootConfig) -> io::Result<()> {
    let text = serde_json::to_vec(&configuration)?;
    pipe::Sender::from_owned_fd(boot)?.write_all(&text).await
}

fn ended_for(cause: &Diagnostic) -> RuntimeExit {
    RuntimeExit { status: "ended by the engine".to_owned(), cause: Some(cause.clone()) }
}

fn stopped() -> Diagnostic {
    Diagnostic::new("stopped", "it was stopped during its start").recommend("connect() starts it again on its files")
}

fn exited_early(status: io::Result<ExitStatus>) -> Diagnostic {
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    Diagnostic::new("runtime_exited", format!("its agent ended during the start ({how})")).recommend("read its logs")
}
