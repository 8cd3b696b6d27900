//! What is missing on this machine, and how to get it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use sandbar_protocol::Diagnostic;

use super::launcher::Launcher;
use super::{BubblewrapConfig, disk_full};

const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// How a `clone` fails for want of processes or memory.
const NO_PROCESSES: [&str; 2] = ["Resource temporarily unavailable", "Cannot allocate memory"];

/// The agent's binary is there.
pub(super) fn agent(path: &Path) -> Result<(), Diagnostic> {
    if path.is_file() {
        return Ok(());
    }
    let message = format!("the sandboxes' agent is not at {}", path.display());
    Err(Diagnostic::new("agent_missing", message)
        .recommend("`npm run build` makes it, beside the binary `sandbar`; SANDBAR_AGENT names another place"))
}

/// Where a program is. Searched for in here: another user, who may not look into each folder of our `PATH`, would be
/// told "permission denied" of a program that is not there.
pub(super) fn find(program: &Path) -> io::Result<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let named = program.components().count() > 1;
    let candidates = std::env::split_paths(&folders).map(|folder| folder.join(program)).filter(|_| !named);
    let found = std::iter::once(program.to_owned()).filter(|_| named).chain(candidates).find(|path| path.is_file());
    found.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// `bwrap` is there and may make namespaces.
pub(super) async fn namespaces(config: &BubblewrapConfig, launcher: &Launcher) -> Result<(), Diagnostic> {
    let child = launcher.probe(config.first_uid).await.map_err(|error| launch_error(&error))?;
    let output = tokio::time::timeout(PROBE_LIMIT, child.wait_with_output()).await;
    let output = output.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let output = output.map_err(|error| bwrap_failed(&error.to_string(), ""))?;
    if output.status.success() {
        return Ok(());
    }
    Err(bwrap_failed(&format!("bwrap ended ({})", output.status), String::from_utf8_lossy(&output.stderr).trim()))
}

/// `bwrap` could not even be started.
pub(super) fn launch_error(error: &io::Error) -> Diagnostic {
    if error.kind() == io::ErrorKind::NotFound {
        return Diagnostic::new("bwrap_missing", "the program bwrap is not installed").recommend(
            "install bubblewrap: `apt-get install bubblewrap` (Debian, Ubuntu), `dnf install bubblewrap` (Fedora), \
             `apk add bubblewrap` (Alpine)",
        );
    }
    let message = format!("bwrap could not be started: {error}");
    if let Some(full) = disk_full(&message, error) {
        return full;
    }
    if let Some(Errno::AGAIN | Errno::NOMEM) = Errno::from_io_error(error) {
        return processes_exhausted(message);
    }
    let diagnostic = Diagnostic::new("bwrap_failed", message);
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE) => diagnostic.recommend(
            "allow the engine more open files: `ulimit -n 65536` before its start, or `LimitNOFILE=65536` in its unit",
        ),
        _ => diagnostic.recommend("run `bwrap --version` as the engine's user: 0.8 or later is needed"),
    }
}

/// Nothing more can be forked.
fn processes_exhausted(message: String) -> Diagnostic {
    Diagnostic::new("processes_exhausted", message).recommend(
        "the machine is out of processes, threads or memory: delete sandboxes that are not needed, or raise `ulimit -u`, \
         `sysctl kernel.pid_max` or the `TasksMax` of the engine's unit",
    )
}

/// `bwrap` ended without a sandbox.
pub(super) fn bwrap_failed(how: &str, said: &str) -> Diagnostic {
    if NO_PROCESSES.iter().any(|text| said.contains(text)) {
        return processes_exhausted(format!("bwrap could not start a process: {said}"));
    }
    let no_namespaces = ["new namespace", "uid map", "gid map", "creating namespace", "user.max_user_namespaces"];
    if no_namespaces.iter().any(|text| said.to_lowercase().contains(text)) {
        let message = format!("this machine does not let bwrap make user namespaces: {said}");
        return Diagnostic::new("user_namespaces_unavailable", message).recommend(
            "allow them: `sysctl kernel.unprivileged_userns_clone=1`, on Ubuntu 24.04 and later also \
             `sysctl kernel.apparmor_restrict_unprivileged_userns=0`; a container needs a seccomp profile that lets \
             unshare through",
        );
    }
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    Diagnostic::new("bwrap_failed", format!("{how}{said}")).recommend("run `bwrap --version`: 0.8 or later is needed")
}
