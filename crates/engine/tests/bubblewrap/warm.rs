//! Runtimes that are started before their sandbox is asked for.

use sandbar_engine::driver::{Driver, RuntimeNotice};
use sandbar_protocol::Secret;

use crate::support::{Host, Sandbox, until};

async fn warm(host: &Host) -> Sandbox<'_> {
    let sandbox = host.sandbox();
    host.driver.warm(sandbox.spec(), host.sender.clone()).await.unwrap();
    sandbox
}

#[tokio::test]
async fn a_start_claims_the_runtime_that_was_warmed_for_it() {
    let host = Host::new();
    let sandbox = warm(&host).await;
    let before = sandbox.launched();
    assert!(before.len() >= 2, "bwrap and its first process run");
    let report = sandbox
        .start_with(|spec| {
            spec.env_vars.insert("WHOSE".into(), Secret::new("mine"));
            spec.env_vars.insert("LONG".into(), Secret::new("x".repeat(100_000)));
            spec.start_command = Some("echo $WHOSE > /tmp/whose".into());
        })
        .await
        .unwrap();
    assert!(report.warm);
    // Its agent may have been about to take the place of a copy of `bwrap`.
    let after = sandbox.launched();
    assert!(after.len() >= 2 && after.iter().all(|pid| before.contains(pid)), "{before:?} are the same as {after:?}");
    assert_eq!(sandbox.says("cat /tmp/whose; echo $WHOSE; echo ${#LONG}").await, "mine\nmine\n100000");
    until("its mount is gone", async || !sandbox.is_mounted()).await;
    sandbox.stop().await;
    let report = sandbox.start().await.unwrap();
    assert!(!report.warm, "a runtime is claimed once");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_warm_runtime_that_is_not_wanted_leaves_nothing() {
    let host = Host::new();
    let (stopped, destroyed) = (warm(&host).await, warm(&host).await);
    stopped.stop().await;
    destroyed.destroy().await.unwrap();
    assert_eq!((stopped.launched(), destroyed.launched()), (vec![], vec![]));
    assert!(!destroyed.home.exists());
    until("their mounts are gone", async || stopped.is_gone() && destroyed.is_gone()).await;
    let third = warm(&host).await;
    assert_eq!(host.driver.recover(&[], host.sender.clone()).await.unwrap(), vec![]);
    assert!(third.launched().is_empty() && !third.home.exists(), "no record knows it");
    let fourth = warm(&host).await;
    host.driver.shut_down().await;
    assert_eq!(fourth.launched(), Vec::<i32>::new());
}

#[tokio::test]
async fn a_warm_runtime_that_died_is_replaced_by_a_cold_start() {
    let host = Host::new();
    let sandbox = warm(&host).await;
    for pid in sandbox.launched() {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    let report = sandbox.start().await.unwrap();
    assert!(!report.warm);
    assert_eq!(sandbox.says("echo fine").await, "fine");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn commands_of_a_template_fail_in_a_claimed_runtime_as_in_any() {
    let host = Host::new();
    let sandbox = warm(&host).await;
    let failed = sandbox.start_with(|spec| spec.start_command = Some("echo no >&2; exit 4".into())).await.unwrap_err();
    assert_eq!(failed.reason, "start_command_failed");
    assert_eq!(failed.message, "the start command ended with exit code 4: no");
    assert_eq!(sandbox.launched(), Vec::<i32>::new());
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_claimed_runtime_tells_of_its_end() {
    let host = Host::new();
    let sandbox = warm(&host).await;
    sandbox.start().await.unwrap();
    sandbox.post("/run", r#"{"cmd":"kill -9 $PPID"}"#).await.unwrap_err();
    let notice = host.next_exit().await;
    assert!(matches!(notice, RuntimeNotice::Exited { sandbox_id, generation: 7, .. } if sandbox_id == sandbox.id));
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_warm_runtime_tells_of_its_end_before_it_is_claimed() {
    let host = Host::new();
    let sandbox = warm(&host).await;
    for pid in sandbox.launched() {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    let notice = host.next_exit().await;
    assert!(matches!(notice, RuntimeNotice::Exited { sandbox_id, .. } if sandbox_id == sandbox.id));
    sandbox.destroy().await.unwrap();
}
