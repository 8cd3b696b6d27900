//! Whose a control group or a `bwrap` is: its name says which process made it, so that whoever comes later can tell what
//! is left over.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const PREFIX: &str = "sandbar-";
/// Where in `/proc/<pid>/stat` the time of the start is, counted after the name.
const START_FIELD: usize = 19;

/// What this process makes for a data folder is called so: process IDs are taken again, so its start is named as well, and
/// containers have process IDs of their own.
pub(super) fn name(data_dir: &Path) -> io::Result<String> {
    let start = start_of("self").ok_or(io::ErrorKind::NotFound)?;
    let folder = fs::metadata(data_dir)?.ino();
    Ok(format!("{PREFIX}{:x}-{}-{start}-{folder:x}", pid_namespace()?, std::process::id()))
}

/// Whether what bears this name was made by a process like this one, which has ended.
pub(super) fn is_gone(name: &str) -> bool {
    let parts: Vec<&str> = name.strip_prefix(PREFIX).map(|rest| rest.split('-').collect()).unwrap_or_default();
    let [namespace, pid, start, _folder] = parts[..] else { return false };
    let ours = pid_namespace().is_ok_and(|own| format!("{own:x}") == namespace);
    ours && pid.parse::<u32>().is_ok() && start_of(pid).as_deref() != Some(start)
}

fn pid_namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/self/ns/pid")?.ino())
}

/// Whether a process has not ended yet.
pub(super) fn runs(pid: &str) -> bool {
    start_of(pid).is_some()
}

/// When a process began; `None` if it has ended, also if nobody has collected it yet.
fn start_of(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold blanks and brackets itself.
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    let state = fields.next()?;
    fields.nth(START_FIELD - 1).filter(|_| !["Z", "X"].contains(&state)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_left_over_when_the_process_that_made_it_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let own = name(folder.path()).unwrap();
        assert!(!is_gone(&own));
        let parts: Vec<&str> = own.split('-').collect();
        let with = |index: usize, text: &str| {
            let mut parts = parts.clone();
            parts[index] = text;
            parts.join("-")
        };
        assert!(is_gone(&with(3, "1")), "its process ID was given to a younger process");
        assert!(is_gone(&with(2, "4194305")), "there is no such process");
        assert!(!is_gone(&with(1, "0")), "a container's processes can't be seen from here");
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let pid = ended.id().to_string();
        let begun = std::time::Instant::now();
        while start_of(&pid).is_some() {
            assert!(begun.elapsed().as_secs() < 10, "a process that nobody has collected goes on");
            std::thread::yield_now();
        }
        ended.wait().unwrap();
        assert!(!is_gone("sandbar-engine") && !is_gone("docker") && !is_gone(""));
    }
}
