//! The driver `bubblewrap` with real sandboxes, as root and as an ordinary user.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod diagnostics;
mod envd;
mod imposter;
mod lifecycle;
mod limits;
mod process;
mod rootfs;
mod run;
mod support;
mod walls;
mod warm;

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{agent, is_root};

/// Set in the copy of this binary that runs as an ordinary user.
const ORDINARY: &str = "SANDBAR_TEST_AS_ORDINARY_USER";
const NOBODY: u32 = 65_534;

/// Not as root alone: a copy of this binary runs all tests once more as an ordinary user.
#[test]
fn everything_holds_for_an_ordinary_user() {
    if !is_root() {
        assert!(std::env::var_os(ORDINARY).is_none() || nix::unistd::geteuid().as_raw() == NOBODY);
        return;
    }
    // Where the user may look: not where the originals are, perhaps.
    let folder = tempfile::tempdir().unwrap();
    chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let tests = copy(&std::env::current_exe().unwrap(), &folder.path().join("tests"));
    let agent = copy(&agent(), &folder.path().join("agent"));
    let mut command = Command::new(tests);
    command.args(["--test-threads", "2"]).current_dir(folder.path()).uid(NOBODY).gid(NOBODY);
    command.env(ORDINARY, "1").env("TMPDIR", folder.path()).env("SANDBAR_AGENT", agent).env("HOME", folder.path());
    let output = command.output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.contains("test lifecycle::stop_ends_all_and_keeps_the_files ... ok"), "{report}");
}

/// By another process: a sandbox forked here meanwhile would hold the copy open, and it could not be executed.
fn copy(from: &Path, to: &Path) -> PathBuf {
    assert!(Command::new("install").args(["-m", "755"]).args([from, to]).status().unwrap().success());
    to.to_owned()
}
