//! Bounds what all sandboxes together take of the machine's open files, by looking: the kernel counts them for nobody.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sandbar_protocol::Diagnostic;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::processes::open_files;
use super::runtimes::Runtimes;
use super::supervisor::Handle;

/// One small file is read so often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What may be open on the machine before a sandbox is ended for it: three quarters.
const FULL: (u64, u64) = (3, 4);
/// A sandbox with fewer open files than this is not what fills the machine.
const MODEST: u64 = 1024;
const END_WAIT: Duration = Duration::from_secs(5);

/// Watches the open files until it is dropped.
pub(super) struct OpenFilesWatch {
    _end: DropGuard,
}

impl OpenFilesWatch {
    /// Starts it. `file_nr` is what the kernel says of the machine's open files.
    pub(super) fn start(file_nr: PathBuf, runtimes: Arc<Runtimes>) -> Self {
        let end = CancellationToken::new();
        tokio::spawn(end.clone().run_until_cancelled_owned(watch(file_nr, runtimes)));
        Self { _end: end.drop_guard() }
    }
}

async fn watch(file_nr: PathBuf, runtimes: Arc<Runtimes>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if !is_full(&file_nr) {
            continue;
        }
        let runtimes = runtimes.clone();
        let Ok(counts) = tokio::task::spawn_blocking(move || count(&runtimes)).await else { continue };
        if let Some((id, handle, files)) = largest(counts) {
            tracing::warn!(sandbox = id, files, "the machine's open files run out: the sandbox with the most is ended");
            handle.end_for(exhausted(files));
            // Its files are closed by then: maybe that is enough. One that does not end keeps nobody from being the next.
            let _ = tokio::time::timeout(END_WAIT, handle.ended()).await;
        }
    }
}

/// Whether most of the files that may be open are. A file that can't be read is no reason to end anything.
fn is_full(file_nr: &Path) -> bool {
    let text = fs::read_to_string(file_nr).unwrap_or_default();
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let (part, whole) = FULL;
    matches!(numbers[..], [open, _, most] if open > most / whole * part)
}

/// The open files of each sandbox that runs, and shall go on.
fn count(runtimes: &Runtimes) -> Vec<(String, Handle, u64)> {
    let running = runtimes.all().into_iter().filter(|(_, handle)| !handle.is_ending());
    let counted = running.filter_map(|(id, handle)| {
        // Nothing runs in one that is warm.
        let init_pid = *handle.init_pid.get()?;
        let files = handle.bounds.members(init_pid).into_iter().map(open_files).sum();
        Some((id, handle, files))
    });
    counted.collect()
}

fn largest<T>(counts: Vec<(String, T, u64)>) -> Option<(String, T, u64)> {
    counts.into_iter().filter(|(.., files)| *files >= MODEST).max_by_key(|(.., files)| *files)
}

fn exhausted(files: u64) -> Diagnostic {
    let message = format!("the machine's open files ran out, and it had the most of all sandboxes: {files}");
    Diagnostic::new("open_files_exhausted", message)
        .recommend("keep fewer files open at once, in fewer processes; on the host, raise the sysctl fs.file-max")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_full_from_three_quarters_on() {
        let folder = tempfile::tempdir().unwrap();
        let file_nr = folder.path().join("file-nr");
        for (text, full) in [
            ("750\t0\t1000\n", false),
            ("751\t0\t1000\n", true),
            ("900000\t0\t9223372036854775807\n", false),
            ("", false),
            ("many\t0\t1000\n", false),
        ] {
            fs::write(&file_nr, text).unwrap();
            assert_eq!(is_full(&file_nr), full, "{text}");
        }
        assert!(!is_full(&folder.path().join("none")));
    }

    #[test]
    fn the_sandbox_with_the_most_open_files_is_ended_and_none_that_has_few() {
        let counts = |counts: &[(&str, u64)]| counts.iter().map(|(id, files)| ((*id).to_owned(), (), *files)).collect();
        let ended = |list: &[(&str, u64)]| largest(counts(list)).map(|(id, ..)| id);
        assert_eq!(ended(&[("a", 2000), ("b", 500_000), ("c", 70)]).as_deref(), Some("b"));
        assert_eq!(ended(&[("a", MODEST - 1), ("b", 70)]), None);
        assert_eq!(ended(&[]), None);
    }
}
