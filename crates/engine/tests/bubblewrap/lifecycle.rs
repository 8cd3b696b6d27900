//! Start, stop and destroy: what they wait for, what they leave.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use sandbar_engine::driver::{Bubblewrap, BubblewrapConfig, Driver, KnownSandbox, RuntimeNotice, RuntimeSpec};
use serde_json::json;

use crate::support::{Host, Sandbox, Stray, command_line, host_uid, is_root, until};

#[tokio::test]
async fn stop_ends_all_and_keeps_the_files() {
    let host = Host::new();
    let sandbox = host.running().await;
    sandbox.says("echo kept > kept; chmod 000 kept; mkdir closed; chmod 000 closed; echo lost > /tmp/lost").await;
    sandbox.says("(trap '' TERM HUP INT; setsid sleep 1000 > /dev/null 2>&1) &").await;
    let namespace = sandbox.pid_namespace().await;
    assert!(namespace.members().len() > 2 && !sandbox.launched().is_empty());
    sandbox.stop().await;
    assert_eq!(namespace.members(), Vec::<i32>::new());
    assert_eq!(sandbox.launched(), Vec::<i32>::new());
    until("its mount is gone", async || !sandbox.is_mounted()).await;
    assert!(sandbox.home.join("workspace/kept").exists());
    assert!(host.driver.connect(&sandbox.id).await.is_err());
    sandbox.stop().await;

    sandbox.start().await.unwrap();
    assert_eq!(sandbox.says("chmod 600 kept; cat kept; ls /tmp").await, "kept");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn destroy_removes_everything_and_follows_no_link() {
    let host = Host::new();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("precious"), "precious").unwrap();
    let sandbox = host.running().await;
    let trap = elsewhere.path().display();
    sandbox.says(&format!("ln -s {trap} trap; ln -s {trap} /root/trap; ln -s / root; ln -s . self")).await;
    sandbox.says("rm -r /root/workspace; ln -s / /root/workspace; mkdir -p /root/a/b/c; touch /root/a/b/c/d").await;
    sandbox
        .says("mkfifo /root/a/pipe; chmod 000 /root/a/b/c; chmod 000 /root/a/b; chmod 000 /root/a; chmod 000 /root")
        .await;
    sandbox.destroy().await.unwrap();
    assert!(sandbox.is_gone());
    assert!(!sandbox.home.parent().unwrap().exists());
    assert_eq!(fs::read_to_string(elsewhere.path().join("precious")).unwrap(), "precious");
    sandbox.destroy().await.unwrap();
}

/// A process of this name; it is ended however the test ends.
fn process_named(name: &str) -> Stray {
    Stray(Command::new("sleep").arg0(name).arg("1000").spawn().unwrap())
}

#[tokio::test]
async fn a_process_that_a_killed_engine_left_in_the_middle_of_a_start_is_ended() {
    let host = Host::new();
    let sandbox = host.running().await;
    let namespace = fs::metadata("/proc/self/ns/pid").unwrap().ino();
    // Nobody has this process ID.
    let mut left = process_named(&format!("sandbar-{namespace:x}-{}-1-1", i32::MAX));
    let mut stranger = process_named("sandbar-engine");
    let _next = Host::new();
    let pid = left.0.id().cast_signed();
    until("it is ended", async || command_line(pid).is_empty()).await;
    assert_eq!(left.0.wait().unwrap().to_string(), "signal: 9 (SIGKILL)");
    assert!(stranger.0.try_wait().unwrap().is_none());
    assert_eq!(sandbox.says("echo on").await, "on", "an engine that is there keeps its own");
    let own = format!("-{}-", std::process::id());
    assert!(sandbox.launched().iter().all(|pid| command_line(*pid).split('\0').next().unwrap().contains(&own)));
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn destroy_removes_a_home_that_is_nested_beyond_any_stack() {
    // In memory, if that can be: some disks take milliseconds for each directory.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let host = Host::in_folder(folder, |_| {});
    let (sandbox, other) = (host.running().await, host.running().await);
    sandbox.stop().await;
    let mut nested = fs::File::open(&sandbox.home).unwrap();
    for _ in 0..15_000 {
        mkdirat(&nested, "x", Mode::RWXU).unwrap();
        nested = openat(&nested, "x", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap().into();
    }
    sandbox.destroy().await.unwrap();
    assert!(!sandbox.home.parent().unwrap().exists());
    assert_eq!(other.says("echo on").await, "on");
    other.destroy().await.unwrap();
    let trash = host.folder.path().join("trash");
    until("the files are removed", async || fs::read_dir(&trash).unwrap().next().is_none()).await;
}

#[tokio::test]
async fn destroy_answers_before_a_large_home_is_removed() {
    let host = Host::new();
    let sandbox = host.running().await;
    sandbox.stop().await;
    let original = sandbox.home.join("original");
    fs::write(&original, "").unwrap();
    for name in 0..50_000 {
        fs::hard_link(&original, sandbox.home.join(name.to_string())).unwrap();
    }
    let other = host.sandbox();
    sandbox.destroy().await.unwrap();
    let trash = host.folder.path().join("trash");
    assert!(fs::read_dir(&trash).unwrap().next().is_some(), "it was removed before the answer");
    // Neither a start nor another destroy waits for it, nor does the next driver.
    other.start().await.unwrap();
    other.destroy().await.unwrap();
    host.driver.shut_down().await;
    let next = Host::in_folder(host.folder, |_| {});
    let trash = next.folder.path().join("trash");
    until("the files are removed", async || fs::read_dir(&trash).unwrap().next().is_none()).await;
}

#[tokio::test]
async fn a_workspace_that_was_replaced_by_a_link_harms_only_itself() {
    let host = Host::new();
    let sandbox = host.running().await;
    sandbox.says("rmdir /root/workspace && ln -s /etc /root/workspace").await;
    sandbox.stop().await;
    sandbox.start().await.unwrap();
    assert_eq!(sandbox.says("pwd -P; cat hostname").await, "/etc\nsandbox", "a folder of the sandbox, not the host's");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_failing_start_command_gives_its_exit_code_and_last_line() {
    let host = Host::new();
    let sandbox = host.sandbox();
    let command = "echo fine; echo no such module >&2; exit 3";
    let failed = sandbox.start_with(|spec| spec.start_command = Some(command.into())).await.unwrap_err();
    assert_eq!(failed.reason, "start_command_failed");
    assert_eq!(failed.message, "the start command ended with exit code 3: no such module");
    assert!(failed.recommendation.is_some());
    assert_eq!(sandbox.launched(), Vec::<i32>::new());
    until("its mount is gone", async || !sandbox.is_mounted()).await;
    sandbox.start().await.unwrap();
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_start_waits_for_the_start_command_and_then_for_the_ready_command() {
    let host = Host::new();
    let sandbox = host.sandbox();
    let start = "echo starting; (while [ ! -e /tmp/go ]; do sleep 0.02; done; touch /tmp/ready) &";
    let ready = "test -e /tmp/ready || { touch /tmp/go; false; }";
    let spec = |spec: &mut RuntimeSpec| {
        spec.start_command = Some(start.into());
        spec.ready_command = Some(ready.into());
    };
    let report = sandbox.start_with(spec).await.unwrap();
    assert!(report.phases.iter().map(|(phase, _)| phase.as_str()).eq(["namespaces", "agent", "commands"]));
    assert_eq!(sandbox.says("ls /tmp").await, "go\nready");
    let printed = host.notices.lock().await.recv().await.unwrap();
    assert!(matches!(printed, RuntimeNotice::Output { line, .. } if line == "starting"));
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_start_reports_how_long_its_phases_took() {
    let host = Host::new();
    let sandbox = host.sandbox();
    let begun = Instant::now();
    let report = sandbox.start().await.unwrap();
    let (all, phases) = (begun.elapsed(), report.phases);
    assert!(!report.warm && phases.iter().map(|(phase, _)| phase.as_str()).eq(["namespaces", "agent"]));
    assert!(phases.iter().all(|(_, took)| !took.is_zero()));
    assert!(phases.iter().map(|(_, took)| *took).sum::<Duration>() <= all);
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_start_that_is_never_ready_ends_and_leaves_nothing() {
    let host = Host::with(|config| config.start_timeout = Duration::from_millis(400));
    let sandbox = host.sandbox();
    let failed = sandbox.start_with(|spec| spec.ready_command = Some("false".into())).await.unwrap_err();
    assert_eq!(
        (failed.reason.as_str(), failed.message.as_str()),
        ("readiness_timeout", "it was not ready after 400ms")
    );
    assert_eq!(sandbox.launched(), Vec::<i32>::new());
    until("its mount is gone", async || !sandbox.is_mounted()).await;
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing() {
    let host = Host::new();
    let sandbox = host.sandbox();
    {
        let start = sandbox.start_with(|spec| spec.start_command = Some("sleep 600".into()));
        let started = until("it is starting", async || sandbox.launched().len() >= 2);
        tokio::select! {
            ended = start => panic!("{ended:?}"),
            () = started => {}
        }
    }
    until("nothing is left", async || sandbox.is_gone()).await;
    sandbox.start().await.unwrap();
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_agent_is_the_end_of_the_sandbox() {
    let host = Host::new();
    let sandbox = host.running().await;
    let namespace = sandbox.pid_namespace().await;
    sandbox.says("setsid sleep 1000 > /dev/null 2>&1 &").await;
    sandbox.post("/run", json!({ "cmd": "kill -9 $PPID" }).to_string()).await.unwrap_err();
    let status = match host.next_exit().await {
        RuntimeNotice::Exited { sandbox_id, generation: 7, status, cause: None } if sandbox_id == sandbox.id => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status, "exit status: 137");
    assert_eq!(namespace.members(), Vec::<i32>::new());
    assert_eq!(sandbox.launched(), Vec::<i32>::new());
    assert_eq!(host.driver.stats(&sandbox.id).await.error.as_deref(), Some("sandbox is not running"));
    sandbox.start().await.unwrap();
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn twenty_sandboxes_start_at_once_each_as_a_user_of_its_own() {
    let host = Host::new();
    let sandboxes = join_all((0..20).map(|_| host.running())).await;
    let uids: HashSet<u32> = sandboxes.iter().map(|sandbox| fs::metadata(&sandbox.home).unwrap().uid()).collect();
    assert_eq!(uids.len(), if is_root() { 20 } else { 1 });
    for sandbox in &sandboxes {
        let uid = fs::metadata(&sandbox.home).unwrap().uid();
        assert_eq!(sandbox.says("id -u").await, "0");
        assert!(sandbox.pid_namespace().await.members().iter().all(|pid| host_uid(*pid) == uid));
    }
    join_all(sandboxes.iter().map(|sandbox| async { sandbox.destroy().await.unwrap() })).await;
    assert!(sandboxes.iter().all(|sandbox| sandbox.launched().is_empty()));
}

#[tokio::test]
async fn a_paused_sandbox_keeps_its_user_when_the_engine_starts_again() {
    let host = Host::new();
    let sandbox = host.running().await;
    let uid = fs::metadata(&sandbox.home).unwrap().uid();
    host.driver.shut_down().await;
    let id = sandbox.id;
    let host = Host::in_folder(host.folder, |_| {});
    let newer = host.running().await;
    let same = host.sandbox_named(id);
    same.start().await.unwrap();
    assert_eq!(fs::metadata(&same.home).unwrap().uid(), uid);
    assert!(!is_root() || fs::metadata(&newer.home).unwrap().uid() != uid);
    host.driver.shut_down().await;
}

#[tokio::test]
async fn shut_down_leaves_nothing_but_files() {
    let host = Host::new();
    let (running, starting) = (host.running().await, host.sandbox());
    let start = starting.start_with(|spec| spec.start_command = Some("sleep 600".into()));
    let shut_down = async {
        until("it is starting", async || starting.launched().len() >= 2).await;
        host.driver.shut_down().await;
        assert!(running.launched().is_empty() && starting.launched().is_empty());
    };
    let (started, ()) = tokio::join!(start, shut_down);
    assert_eq!(started.unwrap_err().reason, "stopped");
    assert!(running.is_gone() && starting.is_gone());
    assert!(!host.folder.path().join("run").exists() && running.home.exists());
    while let Ok(notice) = host.notices.lock().await.try_recv() {
        assert!(!matches!(notice, RuntimeNotice::Exited { .. }), "an end that was asked for is no news: {notice:?}");
    }
    assert_eq!(host.sandbox().start().await.unwrap_err().reason, "shutting_down");
}

#[tokio::test]
async fn no_start_slips_through_a_shut_down() {
    for delay in 0..12 {
        let host = Host::new();
        let sandbox = host.sandbox();
        let shut_down = async {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            host.driver.shut_down().await;
            assert_eq!(sandbox.launched(), Vec::<i32>::new(), "{delay} ms after the start");
        };
        let (_, ()) = tokio::join!(sandbox.start(), shut_down);
        assert!(sandbox.is_gone());
    }
}

#[tokio::test]
async fn a_missing_agent_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = BubblewrapConfig::new(folder.path(), folder.path().join("none"));
    let missing = Bubblewrap::new(config).err().unwrap();
    assert_eq!(missing.reason, "agent_missing");
    assert!(missing.recommendation.unwrap().contains("npm run build"));
}

#[tokio::test]
async fn a_missing_bwrap_is_named_with_how_to_install_it() {
    let host = Host::with(|config| config.bwrap = "/nonexistent/bwrap".into());
    let missing = host.driver.check().await.unwrap_err();
    assert_eq!(missing.reason, "bwrap_missing");
    assert!(missing.recommendation.unwrap().contains("apt-get install bubblewrap"));
    assert_eq!(host.sandbox().start().await.unwrap_err().reason, "bwrap_missing");
}

#[tokio::test]
async fn a_machine_with_all_that_is_needed_passes_the_check() {
    Host::new().driver.check().await.unwrap();
}

#[tokio::test]
async fn recover_says_how_a_runtime_ended_that_nobody_heard_of() {
    let host = Host::new();
    let (ended, stopped, running) = (host.running().await, host.running().await, host.running().await);
    ended.post("/run", r#"{"cmd":"kill -9 $PPID"}"#).await.unwrap_err();
    stopped.stop().await;
    host.next_exit().await;
    let known = [&ended, &stopped, &running].map(|sandbox| KnownSandbox {
        sandbox_id: sandbox.id.clone(),
        runs: Some(7),
        is_deleted: false,
    });
    let found = host.driver.recover(&known, host.sender.clone()).await.unwrap();
    let of = |sandbox: &Sandbox<'_>| found.iter().find(|runtime| runtime.sandbox_id == sandbox.id);
    assert!(of(&ended).unwrap().exit.as_ref().is_some_and(|exit| !exit.status.is_empty()), "{found:?}");
    assert!(of(&running).unwrap().exit.is_none() && of(&stopped).is_none(), "{found:?}");
    running.destroy().await.unwrap();
}
