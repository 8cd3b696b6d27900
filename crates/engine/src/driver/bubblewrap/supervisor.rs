use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use sandbar_protocol::{BootConfig, Diagnostic, LogLevel};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::files::Home;
use super::launcher::{Launch, Launched, Launcher};
use super::output::{LastLines, forward};
use super::sockets::Sockets;
use super::stats::Sample;
use super::tree::Tree;
use super::{health, probe};
use crate::driver::{RuntimeNotice, RuntimeSpec};

/// After a runtime's end, how long what it printed may still arrive.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// What the driver keeps of a runtime.
#[derive(Clone, Default)]
pub(super) struct Handle {
    end: CancellationToken,
    ended: CancellationToken,
    /// The start that it is, once it is healthy.
    healthy: Arc<OnceLock<u64>>,
    pub(super) init_pid: Arc<OnceLock<i32>>,
    pub(super) last_sample: Arc<Mutex<Option<Sample>>>,
}

impl Handle {
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
    pub(super) async fn run(mut self, ready: oneshot::Sender<Result<(), Diagnostic>>) {
        let ended = self.handle.ended.clone().drop_guard();
        let exited = match self.launch().await {
            Ok((tree, last_lines)) => self.supervise(tree, last_lines, ready).await,
            Err(diagnostic) => {
                let _ = ready.send(Err(diagnostic));
                None
            }
        };
        self.sockets.remove(&self.spec.sandbox_id);
        drop(ended);
        if let Some(status) = exited {
            let (sandbox_id, generation) = (self.spec.sandbox_id, self.spec.generation);
            let _ = self.notices.send(RuntimeNotice::Exited { sandbox_id, generation, status, cause: None }).await;
        }
    }

    async fn launch(&mut self) -> Result<(Tree, LastLines), Diagnostic> {
        let id = &self.spec.sandbox_id;
        let failed = |error: std::io::Error| probe::launch_error(&error);
        let launch = Launch {
            sandbox_id: id.clone(),
            home: self.home.clone(),
            boot: BootConfig {
                env_vars: std::mem::take(&mut self.spec.env_vars),
                start_command: self.spec.start_command.take(),
                ready_command: self.spec.ready_command.take(),
            },
            listener: self.sockets.bind(id).map_err(failed)?,
        };
        let Launched { mut child, info } = self.launcher.launch(launch).await.map_err(failed)?;
        let last_lines = LastLines::default();
        let out = forward(child.stdout.take(), LogLevel::Info, id.clone(), self.notices.clone(), LastLines::default());
        let err = forward(child.stderr.take(), LogLevel::Error, id.clone(), self.notices.clone(), last_lines.clone());
        tokio::spawn(out);
        let errors = tokio::spawn(err);
        match Tree::of(child, info).await {
            Ok(tree) => Ok((tree, last_lines)),
            Err(error) => {
                self.launcher.clear(id);
                let _ = tokio::time::timeout(LAST_OUTPUT, errors).await;
                Err(probe::bwrap_failed(&error.to_string(), &last_lines.text()))
            }
        }
    }

    /// Until nothing of it is left. How it ended, if nobody asked for it after its start.
    async fn supervise(
        &self,
        mut tree: Tree,
        last_lines: LastLines,
        ready: oneshot::Sender<Result<(), Diagnostic>>,
    ) -> Option<String> {
        let id = &self.spec.sandbox_id;
        let _ = self.handle.init_pid.set(tree.init_pid());
        let started = tokio::select! {
            healthy = health::wait(&self.sockets, id, self.start_timeout) => healthy,
            status = tree.exited() => Err(exited_early(status)),
            () = self.handle.end.cancelled() => Err(Diagnostic::new("stopped", "it was stopped during its start")),
        };
        self.launcher.clear(id);
        if let Err(mut diagnostic) = started {
            tree.kill().await;
            // What the start printed last says more than its exit code.
            let lines = last_lines.text();
            if !lines.is_empty() {
                diagnostic.message = format!("{}: {lines}", diagnostic.message);
            }
            let _ = ready.send(Err(diagnostic));
            return None;
        }
        let _ = self.handle.healthy.set(self.spec.generation);
        let _ = ready.send(Ok(()));
        let exited = tokio::select! {
            status = tree.exited() => Some(status.map_or_else(|error| error.to_string(), |status| status.to_string())),
            () = self.handle.end.cancelled() => None,
        };
        tree.kill().await;
        exited
    }
}

fn exited_early(status: std::io::Result<std::process::ExitStatus>) -> Diagnostic {
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    Diagnostic::new("runtime_exited", format!("its agent ended during the start ({how})")).recommend("read its logs")
}
