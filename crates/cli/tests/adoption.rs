//! What becomes of sandboxes when their engine is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use sandbar_client::{CallOptions, Wait};
use sandbar_protocol::{ConnectOptions, LogsQuery, PublicState, Sandbox, TimeoutOptions};
use support::{KEY, Serve, alive, until};

async fn detail(serve: &Serve, id: &str) -> Sandbox {
    serve.client(KEY).get(id, CallOptions::default()).await.unwrap().value
}

/// The lines of its log, once what was said last is in it.
async fn log(serve: &Serve, id: &str) -> Vec<String> {
    let said = uuid::Uuid::new_v4().to_string();
    serve.says(id, &format!("echo {said}")).await;
    loop {
        let query = LogsQuery { limit: Some(1000), ..LogsQuery::default() };
        let answer = serve.client(KEY).logs(id, &query, CallOptions::default()).await.unwrap().value;
        let mut lines: Vec<String> = answer.logs.into_iter().map(|entry| entry.message).collect();
        if lines.last() == Some(&said) {
            lines.pop();
            return lines;
        }
    }
}

fn phases(sandbox: &Sandbox) -> Vec<&str> {
    sandbox.timeline.iter().map(|event| event.phase.as_str()).collect()
}

#[tokio::test]
async fn sandboxes_of_a_killed_engine_run_on_and_the_next_one_adopts_them() {
    let mut serve = Serve::start();
    let id = serve.sandbox().await;
    let before = serve.says(&id, "echo $$ > pid; (sleep 1000 > /dev/null 2>&1 & echo $! > child); cat child").await;
    let token = detail(&serve, &id).await.envd.unwrap().envd_access_token;
    let logged = log(&serve, &id).await;
    serve.kill_and_restart();
    let sandbox = detail(&serve, &id).await;
    assert_eq!(sandbox.state, Some(PublicState::Running));
    assert_eq!(phases(&sandbox).last(), Some(&"adopted"));
    assert_eq!(sandbox.envd.unwrap().envd_access_token, token, "clients go on with what they have");
    assert_eq!(serve.says(&id, "kill -0 $(cat child) && cat child").await, before, "the same processes");
    let log = log(&serve, &id).await;
    assert!(logged.contains(&before) && log.starts_with(&logged), "{logged:?} goes on as {log:?}");
    assert!(log.iter().any(|line| line.starts_with("adopted: ")), "{log:?}");
    assert!(serve.client(KEY).delete(&id, CallOptions::default()).await.unwrap());
    assert_eq!(serve.terminate(), Some(0));
}

#[tokio::test]
async fn without_a_next_engine_sandboxes_end_in_time_and_a_later_one_starts_them_anew() {
    let mut serve = Serve::start_with(&["--api-key", KEY, "--outlive", "1"]);
    let id = serve.sandbox().await;
    serve.says(&id, "echo kept > file").await;
    let processes = serve.processes();
    serve.kill();
    until("dead", || processes.iter().all(|pid| !alive(*pid)));
    serve.restart();
    let sandbox = serve.client(KEY).wait_ready(&id, CallOptions::default()).await.unwrap().value;
    assert!(phases(&sandbox).contains(&"restarting"), "{:?}", sandbox.timeline);
    assert_eq!(serve.says(&id, "cat file").await, "kept");
}

#[tokio::test]
async fn with_no_time_to_outlive_sandboxes_die_with_their_engine() {
    let mut serve = Serve::start_with(&["--api-key", KEY, "--outlive", "0"]);
    serve.sandbox().await;
    let processes = serve.processes();
    serve.kill();
    until("dead", || processes.iter().all(|pid| !alive(*pid)));
}

#[tokio::test]
async fn an_engine_without_a_keeper_ends_the_one_that_an_earlier_engine_left() {
    let mut serve = Serve::start();
    let id = serve.sandbox().await;
    let processes = serve.processes();
    serve.kill();
    serve.args = ["--api-key", KEY, "--outlive", "0"].map(str::to_owned).to_vec();
    serve.restart();
    assert!(processes.iter().all(|pid| !alive(*pid)));
    serve.client(KEY).wait_ready(&id, CallOptions::default()).await.unwrap();
}

#[tokio::test]
async fn a_deadline_that_passed_without_an_engine_is_acted_on_at_once() {
    let mut serve = Serve::start();
    let id = serve.sandbox().await;
    let client = serve.client(KEY);
    client.set_timeout(&id, &TimeoutOptions { timeout: 1 }, CallOptions::default()).await.unwrap();
    let end_at = detail(&serve, &id).await.end_at.unwrap();
    serve.kill();
    until("over", || jiff::Timestamp::now() > end_at);
    serve.restart();
    let sandbox = detail(&serve, &id).await;
    assert_eq!(sandbox.state, Some(PublicState::Deleted));
    assert_eq!(sandbox.diagnostic.unwrap().reason, "ttl");
    until("gone", || !serve.folder.path().join("sandboxes").join(&id).exists());
}

#[tokio::test]
async fn what_no_record_knows_is_removed() {
    let mut serve = Serve::start();
    let kept = serve.sandbox().await;
    serve.client(KEY).pause(&kept, CallOptions::default()).await.unwrap();
    serve.kill();
    let stranger = serve.folder.path().join("sandboxes/sb-nobodyknowsme/home/workspace");
    std::fs::create_dir_all(&stranger).unwrap();
    serve.restart();
    assert!(!stranger.exists());
    let client = serve.client(KEY);
    client.connect(&kept, &ConnectOptions::default(), Wait::UntilReady, CallOptions::default()).await.unwrap();
}

#[tokio::test]
async fn sandboxes_restart_on_their_files_when_the_keeper_is_killed() {
    let serve = Serve::start();
    let id = serve.sandbox().await;
    serve.says(&id, "echo kept > file").await;
    let keeper = serve.keeper().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(keeper.cast_signed()), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
    let restarted = async {
        loop {
            let sandbox = detail(&serve, &id).await;
            if phases(&sandbox).contains(&"restarting") && sandbox.state == Some(PublicState::Running) {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), restarted).await.unwrap();
    assert_eq!(serve.says(&id, "cat file").await, "kept");
    serve.sandbox().await;
}
