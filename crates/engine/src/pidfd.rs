use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;

/// A process that is held by a descriptor: whatever becomes of its ID, this one is meant.
pub(crate) struct PidFd(AsyncFd<OwnedFd>);

impl PidFd {
    /// Holds a process. 1 is the host's own, which is never ours to kill.
    pub(crate) fn open(pid: i32) -> io::Result<Self> {
        let pid = Some(pid).filter(|pid| *pid > 1).and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        watch(pidfd_open(pid, PidfdFlags::empty())?).map(Self)
    }

    /// Kills it. One that has ended already is as good.
    pub(crate) fn kill(&self) {
        let _ = pidfd_send_signal(self.0.get_ref(), Signal::KILL);
    }

    /// Waits for its end; if it is the first of a pid namespace, for that of all processes in there.
    pub(crate) async fn ended(&self) {
        // A process descriptor is readable once its process has ended.
        let _ = self.0.readable().await;
    }
}

#[expect(deprecated, reason = "`register` is unsafe only for types that may close their descriptor: this one owns it")]
fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(descriptor)
}
