//! Signals that are passed on to what a command runs.

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Those that this process gets from now on, instead of their usual effect.
pub(crate) fn listen() -> std::io::Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(8);
    let all = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];
    let hang_up_counts = !hang_up_is_ignored();
    for name in all.into_iter().filter(|name| hang_up_counts || *name != Signal::SIGHUP) {
        let mut stream = signal(SignalKind::from_raw(name as i32))?;
        let sender = sender.clone();
        tokio::spawn(async move { while stream.recv().await.is_some() && sender.send(name).await.is_ok() {} });
    }
    Ok(receiver)
}

/// Whether this process was started to survive its terminal, as by `nohup`. To listen for SIGHUP would undo that.
pub(crate) fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask & 1 << (Signal::SIGHUP as i32 - 1) != 0
}
