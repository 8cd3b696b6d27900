//! One process: how it is started, followed to its end and spoken to.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use pty_process::{OwnedReadPty, Size};
use tokio::process::{Child, Command};
use tokio::sync::SetOnce;
use tokio::time::Instant;

use super::end::End;
use super::input::{Input, Writer};
use super::output::{Budget, Kind, Output};
use super::pump::{Pumps, Sink};
use super::request::{ProcessConfig, StartRequest};
use super::tree::{Held, Tree, start_apart};
use crate::command::NotStarted;
use crate::environment::Environment;
use crate::log::{Log, Stream};
use crate::problem::Problem;

/// How long a kill is waited for, at most.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);
const KILL_POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A process that was started, and is remembered for a while after its end.
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) cmd_id: String,
    pub(super) tag: Option<String>,
    pub(super) config: ProcessConfig,
    pub(super) started_at_unix: u64,
    pub(super) output: Arc<Output>,
    pub(super) input: Input,
    tree: Tree,
    /// Set once it has ended; some of its output may still be on its way.
    ended_at: SetOnce<Instant>,
}

/// What is left to do for a process that was started.
pub(super) struct Started {
    child: Child,
    pumps: Pumps,
    limit: Option<Duration>,
}

impl Process {
    /// Starts it. Whoever gets it has [`Started::finish`] run.
    pub(super) fn start(
        cmd_id: String,
        request: StartRequest,
        environment: &Environment,
        log: &Log,
        budget: Budget,
    ) -> Result<(Arc<Self>, Started), Problem> {
        let size = request.pty.map(|pty| pty.size()).transpose()?;
        let (limit, tag) = (request.time_limit(), request.tag());
        let description = request.process.describe();
        description.check()?;
        let command = description.command(environment)?;
        let output = Output::new(budget);
        let mut pumps = Pumps::new();
        let spawned = match size {
            Some(size) => with_terminal(command, size, &output, &mut pumps),
            None => with_pipes(command, request.stdin != Some(false), &output, &mut pumps, log),
        };
        let Spawned { child, writer, terminal, outputs } = spawned.map_err(|error| match error {
            SpawnError::Terminal(error) => NotStarted::Other(format!("no terminal can be had: {error}")),
            SpawnError::Command(error) => description.not_started(&error),
        })?;
        let pid = child.id().unwrap_or_default();
        let tree = Tree::new(pid, outputs).ok_or_else(|| Problem::internal("the process has no number"))?;
        let started_at_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let input = Input::new(pid, writer, terminal);
        let config = request.process.with_lists();
        let ended_at = SetOnce::new();
        let process = Self { pid, cmd_id, tag, config, started_at_unix, output, input, tree, ended_at };
        Ok((Arc::new(process), Started { child, pumps, limit }))
    }

    /// When it ended, if it has.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        self.ended_at.get().copied()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended_at.get().is_some()
    }

    /// Sends a signal to its group. SIGKILL goes to all that it started, wherever that is, and is waited for.
    pub(super) async fn signal(&self, signal: Signal) -> Result<(), Problem> {
        if signal == Signal::SIGKILL {
            self.kill().await;
            return Ok(());
        }
        self.tree.signal(signal).map_err(|error| {
            Problem::not_found(format!("process not found: process {} can't be signalled: {error}", self.pid))
        })
    }

    async fn kill(&self) {
        let killed = self.tree.kill();
        let gone = async {
            self.ended_at.wait().await;
            while !killed.are_gone() {
                tokio::time::sleep(KILL_POLL_INTERVAL).await;
            }
        };
        // One that waits for a disk ends later.
        let _ = tokio::time::timeout(KILL_TIMEOUT, gone).await;
    }
}

impl Started {
    /// Follows it to its end.
    pub(super) async fn finish(mut self, process: &Process) {
        let ended = match self.limit {
            Some(limit) => tokio::time::timeout(limit, self.child.wait()).await.ok(),
            None => Some(self.child.wait().await),
        };
        let killed_after = if ended.is_none() { self.limit } else { None };
        let status = match ended {
            Some(status) => status,
            None => {
                process.tree.kill();
                self.child.wait().await
            }
        };
        let _ = process.ended_at.set(Instant::now());
        self.pumps.end().await;
        process.input.end().await;
        process.output.finish(End::new(&status, killed_after));
    }
}

struct Spawned {
    child: Child,
    writer: Writer,
    terminal: Option<OwnedFd>,
    outputs: Vec<Held>,
}

enum SpawnError {
    Terminal(pty_process::Error),
    Command(std::io::Error),
}

/// Where one output of a process goes.
struct Kept {
    output: Arc<Output>,
    kind: Kind,
}

impl Sink for Kept {
    async fn take(&mut self, bytes: &[u8]) {
        self.output.push(self.kind, bytes).await;
    }
}

fn with_pipes(
    mut command: Command,
    has_input: bool,
    output: &Arc<Output>,
    pumps: &mut Pumps,
    log: &Log,
) -> Result<Spawned, SpawnError> {
    if has_input {
        command.stdin(Stdio::piped());
    }
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = start_apart(|| command.spawn()).map_err(SpawnError::Command)?;
    let outputs = outputs_of(&child);
    let kept = |kind| Kept { output: output.clone(), kind };
    if let Some(stdout) = child.stdout.take() {
        pumps.start(stdout, Some(log.of(Stream::Out)), kept(Kind::Stdout));
    }
    if let Some(stderr) = child.stderr.take() {
        pumps.start(stderr, Some(log.of(Stream::Err)), kept(Kind::Stderr));
    }
    let writer = child.stdin.take().map_or(Writer::None, Writer::Pipe);
    Ok(Spawned { child, writer, terminal: None, outputs })
}

fn with_terminal(command: Command, size: Size, output: &Arc<Output>, pumps: &mut Pumps) -> Result<Spawned, SpawnError> {
    let (pty, pts) = pty_process::open().map_err(SpawnError::Terminal)?;
    pty.resize(size).map_err(SpawnError::Terminal)?;
    let terminal = pty.as_fd().try_clone_to_owned().map_err(SpawnError::Command)?;
    let outputs = Held::by_self(&pts).into_iter().collect();
    // It makes a session of its own, and with it a process group.
    let child = start_apart(|| pty_process::Command::from(command).spawn(pts)).map_err(|error| match error {
        pty_process::Error::Io(error) => SpawnError::Command(error),
        other => SpawnError::Terminal(other),
    })?;
    let (reader, writer): (OwnedReadPty, _) = pty.into_split();
    pumps.start(reader, None, Kept { output: output.clone(), kind: Kind::Pty });
    Ok(Spawned { child, writer: Writer::Pty(writer), terminal: Some(terminal), outputs })
}

/// The pipes of a command.
pub(crate) fn outputs_of(child: &Child) -> Vec<Held> {
    let stdout = child.stdout.as_ref().and_then(Held::by_self);
    let stderr = child.stderr.as_ref().and_then(Held::by_self);
    stdout.into_iter().chain(stderr).collect()
}
