//! What killed engines have left outside of control groups.
//!
//! A `bwrap` dies with the engine that started it, and its sandbox with it. But in the middle of its start there is a moment
//! in which it has made the sandbox's first process, and has not told it yet to go on: that one waits for ever then.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::owner;

/// The first process of a sandbox has ended when all of it has: that takes as long as its memory takes to be freed.
const END_WAIT: Duration = Duration::from_secs(5);

/// Ends what bears the name of an engine that is gone; an ordinary user's engine, what is that user's.
pub(super) fn end() {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let mut ended = Vec::new();
    for pid in pids.filter(|pid| is_left(*pid)) {
        let Some(held) = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { continue };
        // Looked at again: its ID may have been given to another before it was held.
        if is_left(pid) && pidfd_send_signal(&held, Signal::KILL).is_ok() {
            tracing::info!("ended process {pid}, which an engine that is gone has left");
            ended.push(pid);
        }
    }
    // Their sandboxes' files may be used again from here on.
    let begun = Instant::now();
    while ended.iter().any(|pid| owner::runs(&pid.to_string())) && begun.elapsed() < END_WAIT {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn is_left(pid: i32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let name = line.split(|byte| *byte == 0).next().unwrap_or_default();
    std::str::from_utf8(name).is_ok_and(owner::is_gone)
}
