//! Every failure that can be provoked says what happened and what to do.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sandbar_engine::driver::{Bubblewrap, BubblewrapConfig, Driver};
use sandbar_engine::keeper::{KeeperCommand, KeeperConfig, KeptDriver};
use sandbar_protocol::Diagnostic;

use crate::support::{Host, agent, is_root, script, until};

/// The reason is the one expected, and the rest is there.
fn is_complete(diagnostic: &Diagnostic, reason: &str) {
    assert_eq!(diagnostic.reason, reason, "{diagnostic:?}");
    assert!(!diagnostic.message.is_empty(), "{diagnostic:?}");
    assert!(diagnostic.recommendation.as_ref().is_some_and(|text| !text.is_empty()), "{diagnostic:?}");
}

/// What the check and a start say of such a `bwrap`.
async fn with_bwrap(bwrap: &Path) -> [Diagnostic; 2] {
    let host = Host::with(|config| config.bwrap = bwrap.to_owned());
    [host.driver.check().await.unwrap_err(), host.sandbox().start().await.unwrap_err()]
}

#[tokio::test]
async fn no_bwrap() {
    for diagnostic in with_bwrap(Path::new("/nonexistent/bwrap")).await {
        is_complete(&diagnostic, "bwrap_missing");
    }
}

#[tokio::test]
async fn no_user_namespaces() {
    let folder = tempfile::tempdir().unwrap();
    let said = "bwrap: No permissions to create new namespace, likely because the kernel does not allow it";
    for diagnostic in with_bwrap(&script(&folder, &format!("#!/bin/sh\necho '{said}' >&2\nexit 1\n"))).await {
        is_complete(&diagnostic, "user_namespaces_unavailable");
        assert!(diagnostic.message.contains(said), "{diagnostic:?}");
    }
}

#[tokio::test]
async fn no_processes_left() {
    let folder = tempfile::tempdir().unwrap();
    for said in ["Creating new namespace failed: Resource temporarily unavailable", "fork: Cannot allocate memory"] {
        for diagnostic in with_bwrap(&script(&folder, &format!("#!/bin/sh\necho 'bwrap: {said}' >&2\nexit 1\n"))).await
        {
            is_complete(&diagnostic, "processes_exhausted");
            assert!(diagnostic.message.contains(said), "{diagnostic:?}");
        }
    }
}

#[tokio::test]
async fn a_bwrap_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    for diagnostic in with_bwrap(&script(&folder, "#!/bin/sh\necho 'unknown option' >&2\nexit 1\n")).await {
        is_complete(&diagnostic, "bwrap_failed");
        assert!(diagnostic.message.contains("unknown option"), "{diagnostic:?}");
    }
}

#[tokio::test]
async fn no_agent() {
    let folder = tempfile::tempdir().unwrap();
    let config = BubblewrapConfig::new(folder.path(), folder.path().join("none"));
    is_complete(&Bubblewrap::new(config).err().unwrap(), "agent_missing");
}

#[tokio::test]
async fn an_agent_that_speaks_no_http() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "#!/usr/bin/perl\nuse Socket; open(my $s, '+<&=3'); accept(my $c, $s); syswrite($c, qq(what?\\n)); sleep";
    let host = Host::with(|config| config.agent = script(&folder, text));
    if Path::new("/usr/bin/perl").exists() {
        is_complete(&host.sandbox().start().await.unwrap_err(), "agent_unreachable");
    }
}

#[tokio::test]
async fn a_start_command_that_fails_and_one_that_ends_the_sandbox() {
    let host = Host::new();
    for (command, reason) in [("exit 3", "start_command_failed"), ("kill -9 $PPID", "runtime_exited")] {
        let sandbox = host.sandbox();
        let failed = sandbox.start_with(|spec| spec.start_command = Some(command.into())).await.unwrap_err();
        is_complete(&failed, reason);
        sandbox.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn a_start_that_is_never_ready() {
    let host = Host::with(|config| config.start_timeout = Duration::from_millis(100));
    let sandbox = host.sandbox();
    let failed = sandbox.start_with(|spec| spec.ready_command = Some("false".into())).await.unwrap_err();
    is_complete(&failed, "readiness_timeout");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_start_that_is_stopped_and_one_after_the_shut_down() {
    let host = Host::new();
    let sandbox = host.sandbox();
    let stop = async {
        until("it is starting", async || sandbox.launched().len() >= 2).await;
        sandbox.stop().await;
    };
    let (started, ()) = tokio::join!(sandbox.start_with(|spec| spec.start_command = Some("sleep 600".into())), stop);
    is_complete(&started.unwrap_err(), "stopped");
    host.driver.shut_down().await;
    is_complete(&sandbox.start().await.unwrap_err(), "shutting_down");
}

#[tokio::test]
async fn a_home_of_someone_else_and_no_user_left() {
    if !is_root() {
        return;
    }
    let host = Host::with(|config| config.uid_count = 1);
    let sandbox = host.running().await;
    is_complete(&host.sandbox().start().await.unwrap_err(), "user_ids_exhausted");
    sandbox.stop().await;
    chown(&sandbox.home, Some(0), Some(0)).unwrap();
    is_complete(&sandbox.start().await.unwrap_err(), "home_not_owned");
}

#[tokio::test]
async fn a_data_folder_that_can_not_be_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sandboxes"), "a file").unwrap();
    let failed = Bubblewrap::new(BubblewrapConfig::new(folder.path(), agent())).err().unwrap();
    is_complete(&failed, "disk_error");
}

/// A disk of its own.
struct Disk<'a>(&'a Path);

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        umount2(self.0, MntFlags::MNT_DETACH).unwrap();
    }
}

#[tokio::test]
async fn a_full_data_folder() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    mount(Some("test"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some("nr_inodes=8")).unwrap();
    let _disk = Disk(folder.path());
    let driver = Bubblewrap::new(BubblewrapConfig::new(folder.path(), agent())).unwrap();
    for file in 0..8 {
        let _ = fs::write(folder.path().join(file.to_string()), "");
    }
    let host = Host::new();
    let failed = driver.start(host.sandbox().spec(), host.sender.clone()).await.unwrap_err();
    is_complete(&failed, "disk_full");
    driver.shut_down().await;
}

#[tokio::test]
async fn a_keeper_that_can_not_be_started() {
    let folder = tempfile::tempdir().unwrap();
    let driver = BubblewrapConfig::new(folder.path(), agent());
    let config = KeeperConfig { driver, outlive: Duration::ZERO };
    let command = KeeperCommand { program: "/nonexistent/sandbar".into(), args: Vec::new() };
    is_complete(&KeptDriver::open(config, command).await.err().unwrap(), "keeper_failed");
}
