use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use listenfd::ListenFd;
use sandbar_protocol::Diagnostic;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::server::{self, Server};
use crate::driver::{Bubblewrap, BubblewrapConfig};
use crate::pidfd::PidFd;
use crate::priority;

const SOCKET: &str = "keeper.sock";
const LOCK: &str = "keeper.lock";
const LOG: &str = "keeper.log";
/// What a keeper leaves in its data folder.
pub(crate) const FILES: [&str; 3] = [SOCKET, LOCK, LOG];

/// How long a killed keeper may take to end: one that waits for a stuck device does not.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// A longer log starts anew with the next keeper.
const MAX_LOG_BYTES: u64 = 1024 * 1024;
const MAX_CONFIG_BYTES: u64 = 64 * 1024;
/// What of the engine's environment a keeper gets: where programs are, and how much to log.
const ENVIRONMENT: [&str; 3] = ["PATH", "SANDBAR_LOG", "RUST_BACKTRACE"];
/// The listening socket, as a service manager passes it.
const LISTENER_FD: i32 = 3;

/// What a keeper works with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeeperConfig {
    /// The driver that it runs.
    pub driver: BubblewrapConfig,
    /// How long sandboxes go on without an engine.
    pub outlive: Duration,
}

impl KeeperConfig {
    /// Reads what [`KeptDriver`](super::KeptDriver) wrote to this process's standard input.
    pub fn from_stdin() -> Result<Self, Diagnostic> {
        serde_json::from_reader(io::stdin().lock().take(MAX_CONFIG_BYTES)).map_err(|error| {
            Diagnostic::new("keeper_failed", format!("no configuration on standard input: {error}"))
                .recommend("use `sandbar serve`, which starts this program")
        })
    }

    pub(super) fn data_dir(&self) -> &Path {
        &self.driver.data_dir
    }
}

/// The program that calls [`run`], with a [`KeeperConfig`] as JSON on its standard input.
#[derive(Clone, Debug)]
pub struct KeeperCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// Connects to a keeper that runs.
pub(super) async fn reach(config: &KeeperConfig) -> Option<UnixStream> {
    let folder = File::open(config.data_dir()).ok()?;
    UnixStream::connect(socket(&folder)).await.ok()
}

/// Who holds the folder, whichever engine started it: the program that has locked it.
fn holder(config: &KeeperConfig) -> Option<PidFd> {
    let path = config.data_dir().join(LOCK);
    if File::open(&path).is_ok_and(|lock| lock.try_lock().is_ok()) {
        return None;
    }
    let holds = |pid: i32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target == path)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    // Looked at again: its ID may have been given to another before it was held.
    pids.find_map(|pid| PidFd::open(pid).ok().filter(|_| holds(pid)).filter(|_| holds(pid)))
}

/// Ends the keeper of the folder, if there is one: kills it if it has not ended by itself within `grace`, and removes what
/// it leaves then.
pub(super) async fn end(config: &KeeperConfig, grace: Duration) {
    let found = config.clone();
    let Ok(Some(keeper)) = tokio::task::spawn_blocking(move || holder(&found)).await else { return };
    if tokio::time::timeout(grace, keeper.ended()).await.is_ok() {
        return;
    }
    tracing::warn!("the process that holds the sandboxes does not end: it is killed");
    keeper.kill();
    if tokio::time::timeout(KILL_LIMIT, keeper.ended()).await.is_err() {
        tracing::error!(
            "the process that holds the sandboxes does not end although it was killed: a device may be stuck"
        );
        return;
    }
    Bubblewrap::clear(&config.driver).await;
}

/// Starts a keeper and connects to it: the connection waits in the socket's queue until it accepts. It is killed if the
/// guard is dropped.
pub(super) async fn start(
    config: &KeeperConfig,
    command: &KeeperCommand,
) -> Result<(UnixStream, DropGuard), Diagnostic> {
    let failed = |error: io::Error| {
        let message = format!("the process that holds the sandboxes could not be started: {error}");
        Diagnostic::new("keeper_failed", message).recommend("read keeper.log in the data folder")
    };
    let folder = File::open(config.data_dir()).map_err(failed)?;
    let _ = fs::remove_file(socket(&folder));
    let listener = std::os::unix::net::UnixListener::bind(socket(&folder)).map_err(failed)?;
    fs::set_permissions(socket(&folder), fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let mut process = Command::new(&command.program);
    // Not all of it: an API key may be in there, and this process may outlive the engine.
    process.args(&command.args).env_clear().envs(std::env::vars_os().filter(|(name, _)| is_needed(name)));
    process.env("LISTEN_FDS", "1");
    process.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null());
    process.stderr(log_file(config.data_dir()).map_or_else(
        |error| {
            tracing::warn!("the keeper goes without a log: {error}");
            Stdio::null()
        },
        Stdio::from,
    ));
    process
        .fd_mappings(vec![FdMapping { parent_fd: listener.into(), child_fd: LISTENER_FD }])
        .map_err(|error| failed(io::Error::other(error)))?;
    let mut child = process.spawn().map_err(failed)?;
    // It holds our copy of the socket.
    drop(process);
    let stdin = child.stdin.take();
    let unwanted = CancellationToken::new();
    let guard = unwanted.clone().drop_guard();
    tokio::spawn(async move {
        let status = match unwanted.run_until_cancelled(child.wait()).await {
            Some(status) => status,
            None => child.kill().await.and(child.wait().await),
        };
        tracing::debug!(?status, "the keeper ended");
    });
    if let Some(mut stdin) = stdin {
        let text = serde_json::to_vec(config).map_err(|error| failed(error.into()))?;
        stdin.write_all(&text).await.map_err(failed)?;
    }
    let stream = UnixStream::connect(socket(&folder)).await.map_err(failed)?;
    Ok((stream, guard))
}

fn is_needed(variable: &OsStr) -> bool {
    ENVIRONMENT.iter().any(|name| variable == *name)
}

/// Removes what a keeper needs no more after its end.
pub(super) fn clear(config: &KeeperConfig) {
    let _ = fs::remove_file(config.data_dir().join(SOCKET));
}

/// The life of a keeper process, from its listening socket (descriptor 3) to its end.
///
/// It leaves its starter's session, so that Ctrl-C in a terminal reaches the engine alone, and ends when an engine says
/// so, when none has come for the time that sandboxes may outlive theirs, or at SIGTERM while there is none.
pub async fn run(config: KeeperConfig) -> Result<(), Diagnostic> {
    let failed = |what: &str, error: String| {
        Diagnostic::new("keeper_failed", format!("{what}: {error}"))
            .recommend("use `sandbar serve`, which starts this program; its log is keeper.log in the data folder")
    };
    let listener =
        ListenFd::from_env().take_unix_listener(0).map_err(|error| failed("no socket", error.to_string()))?;
    let listener = listener.ok_or_else(|| failed("no socket", "the engine starts this program".to_owned()))?;
    priority::come_first();
    // A leader of a group has started it by hand: it may stay where it is.
    let _ = nix::unistd::setsid();
    let lock = File::create(config.data_dir().join(LOCK));
    let lock = lock.map_err(|error| failed("no lock", error.to_string()))?;
    // An earlier keeper of this folder may be ending its sandboxes.
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await;
    let _lock =
        lock.map_err(|error| failed("no lock", error.to_string()))?.map_err(|e| failed("no lock", e.to_string()))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed("no signals", error.to_string()))?;
    listener.set_nonblocking(true).map_err(|error| failed("no socket", error.to_string()))?;
    let listener = UnixListener::from_std(listener).map_err(|error| failed("no socket", error.to_string()))?;
    let driver = match Bubblewrap::new(config.driver) {
        Ok(driver) => driver,
        Err(diagnostic) => return server::refuse(&listener, diagnostic).await,
    };
    let server = Server::new(Arc::new(driver), listener, config.outlive);
    server
        .run(async || {
            terminate.recv().await;
        })
        .await;
    Ok(())
}

/// Socket addresses hold 107 bytes, data folders may have longer names: it is reached through the folder's descriptor.
fn socket(folder: &File) -> PathBuf {
    format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()).into()
}

fn log_file(data_dir: &Path) -> io::Result<File> {
    let path = data_dir.join(LOG);
    let full = fs::metadata(&path).is_ok_and(|log| log.len() > MAX_LOG_BYTES);
    OpenOptions::new().create(true).append(!full).write(full).truncate(full).mode(0o600).open(path)
}
