use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::time::Duration;

use serde::Deserialize;
use tokio::net::unix::pipe;
use tokio::process::Child;

use crate::pidfd::PidFd;

/// `bwrap` writes its note within milliseconds.
const INFO_WAIT: Duration = Duration::from_secs(10);
const MAX_INFO_BYTES: usize = 4096;

/// A running sandbox: `bwrap` out here, and the first process of its pid namespace, with which everything in it dies.
pub(super) struct Tree {
    bwrap: Child,
    init: PidFd,
    init_pid: i32,
}

#[derive(Deserialize)]
struct Info {
    #[serde(rename = "child-pid")]
    child_pid: i32,
}

impl Tree {
    /// Reads from `bwrap` which process is the first. On an error, `bwrap` has ended or is killed.
    pub(super) async fn of(mut bwrap: Child, info: OwnedFd) -> io::Result<Self> {
        let found = tokio::select! {
            found = tokio::time::timeout(INFO_WAIT, read_info(info)) => found.unwrap_or_else(|_| Err(gone("said nothing"))),
            // Without a first process there is nothing else to wait for.
            status = bwrap.wait() => Err(gone(&format!("ended ({})", status?))),
        };
        let opened = found.and_then(|info| {
            let init =
                PidFd::open(info.child_pid).map_err(|error| gone(&format!("named no process of its own: {error}")))?;
            Ok((init, info.child_pid))
        });
        match opened {
            Ok((init, init_pid)) => Ok(Self { bwrap, init, init_pid }),
            Err(error) => {
                let _ = bwrap.kill().await;
                Err(error)
            }
        }
    }

    /// The first process's ID out here.
    pub(super) fn init_pid(&self) -> i32 {
        self.init_pid
    }

    /// Waits until it ends by itself: the agent's exit status.
    pub(super) async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.bwrap.wait().await
    }

    /// Kills everything, and returns when nothing is left.
    pub(super) async fn kill(mut self) {
        self.init.kill();
        self.init.ended().await;
        let _ = self.bwrap.wait().await;
    }
}

fn gone(how: &str) -> io::Error {
    io::Error::other(format!("bwrap {how}"))
}

async fn read_info(info: OwnedFd) -> io::Result<Info> {
    let pipe = pipe::Receiver::from_owned_fd(info)?;
    let mut text = Vec::new();
    loop {
        pipe.readable().await?;
        let mut buffer = [0; 512];
        match pipe.try_read(&mut buffer) {
            Ok(count) => {
                text.extend(buffer.iter().take(count));
                // The note is complete at its closing brace, whoever still holds the pipe.
                if count == 0 || text.contains(&b'}') || text.len() > MAX_INFO_BYTES {
                    return serde_json::from_slice(&text).map_err(io::Error::from);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
