use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::Deserialize;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::process::Child;

/// `bwrap` writes its note within milliseconds.
const INFO_WAIT: Duration = Duration::from_secs(10);
const MAX_INFO_BYTES: usize = 4096;

/// A running sandbox: `bwrap` out here, and the first process of its pid namespace, with which everything in it dies.
pub(super) struct Tree {
    bwrap: Child,
    init: AsyncFd<OwnedFd>,
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
            // 1 is the host's own, which is never ours to kill.
            let pid = Some(info.child_pid).filter(|pid| *pid > 1).and_then(Pid::from_raw);
            let pid = pid.ok_or_else(|| gone("named no process of its own"))?;
            Ok((watch(pidfd_open(pid, PidfdFlags::empty())?)?, info.child_pid))
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
        // Gone already is as good.
        let _ = pidfd_send_signal(self.init.get_ref(), Signal::KILL);
        // A process descriptor is readable once its process, and so its whole namespace, has ended.
        let _ = self.init.readable().await;
        let _ = self.bwrap.wait().await;
    }
}

#[expect(deprecated, reason = "`register` is unsafe only for types that may close their descriptor: this one owns it")]
fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(descriptor)
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
