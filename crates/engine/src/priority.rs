//! Who comes first when there is more to do than processors.

use std::fs;

use rustix::io;
use rustix::process::{Pid, getpriority_process, setpriority_process};

/// Before whatever sandboxes do, and after what the system itself needs.
const BEFORE_OTHERS: i32 = -5;

/// What can wait. More than the least there is: on a busy machine it would not get on at all.
const AFTER_OTHERS: i32 = 10;

/// The engine's own threads come before those of sandboxes, which could otherwise keep it from serving the others. Only
/// root may; as an ordinary user, everyone takes turns.
pub(crate) fn come_first() {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let threads = threads.filter_map(|thread| thread.file_name().to_str()?.parse().ok()).filter_map(Pid::from_raw);
    for thread in threads {
        if let Err(error) = raise(thread) {
            return tracing::debug!("the engine comes no earlier than others: {error}");
        }
    }
}

fn raise(thread: Pid) -> io::Result<()> {
    // Whoever gave it another priority has a reason.
    if getpriority_process(Some(thread))? == 0 { setpriority_process(Some(thread), BEFORE_OTHERS) } else { Ok(()) }
}

/// What this thread starts from here on takes turns with everyone else.
pub(crate) fn take_turns() {
    if getpriority_process(None) == Ok(BEFORE_OTHERS)
        && let Err(error) = setpriority_process(None, 0)
    {
        tracing::warn!("sandboxes start with the engine's own priority: {error}");
    }
}

/// This thread's work can wait.
pub(crate) fn come_last() {
    if let Err(error) = setpriority_process(None, AFTER_OTHERS) {
        tracing::debug!("a thread takes turns with others: {error}");
    }
}
