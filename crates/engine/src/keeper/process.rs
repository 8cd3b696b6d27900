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
use tokio_util::sync::CancellationToken;

use super::server;
use crate::driver::{Bubblewrap, BubblewrapConfig};
use crate::priority;

const SOCKET: &str = "keeper.sock";
const LOCK: &str = "keeper.lock";
const LOG: &str = "keeper.log";
/// What a keeper leaves in its data folder.
pub(crate) const FILES: [&str; 3] = [SOCKET, LOCK, LOG];

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

/// A keeper's process, as its engine sees it.
pub(super) struct Keeper {
    /// `None`: an earlier engine's child.
    ended: Option<CancellationToken>,
}

impl Keeper {
    pub(super) fn stranger() -> Self {
        Self { ended: None }
    }

    /// Waits for the end of our own child: nobody else collects it.
    pub(super) async fn ended(&self) {
        if let Some(ended) = &self.ended {
            ended.cancelled().await;
        }
    }
}

/// Connects to a keeper that runs.
pub(super) async fn reach(config: &KeeperConfig) -> Option<UnixStream> {
    let folder = File::open(config.data_dir()).ok()?;
    UnixStream::connect(socket(&folder)).await.ok()
}

/// Starts a keeper and connects to it: the connection waits in the socket's queue until it accepts.
pub(super) async fn start(config: &KeeperConfig, command: &KeeperCommand) -> Result<(Keeper, UnixStream), Diagnostic> {
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
    if let Some(mut stdin) = child.stdin.take() {
        let text = serde_json::to_vec(config).map_err(|error| failed(error.into()))?;
        stdin.write_all(&text).await.map_err(failed)?;
    }
    let ended = CancellationToken::new();
    let over = ended.clone().drop_guard();
    tokio::spawn(async move {
        let status = child.wait().await;
        tracing::debug!(?status, "the keeper ended");
        drop(over);
    });
    let stream = UnixStream::connect(socket(&folder)).await.map_err(failed)?;
    Ok((Keeper { ended: Some(ended) }, stream))
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
    let served = server::keep(Arc::new(driver), listener, config.outlive, async || {
        terminate.recv().await;
    })
    .await;
    served.map_err(|error| failed("no engine can connect any more", error.to_string()))
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
