//! What becomes of sandboxes when their engine is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbar_client::{CallOptions, Wait};
use sandbar_protocol::{ConnectOptions, CreateOptions, LogEntry, LogsQuery, PublicState, Sandbox, TimeoutOptions};
use support::{KEY, Serve, alive, until};

/// How many pauses are under way at once.
const PAUSES: usize = 10;

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
async fn pauses_stay_paused_when_the_engine_is_told_to_stop() {
    let mut serve = Serve::start();
    let ids = join_all((0..PAUSES).map(|_| serve.sandbox())).await;
    let client = serve.client(KEY);
    let auto_pause =
        CreateOptions { auto_pause: true, wait_ready: true, timeout: Some(3600), ..CreateOptions::default() };
    let expiring = join_all(
        (0..PAUSES).map(async |_| client.create(&auto_pause, CallOptions::default()).await.unwrap().value.sandbox_id),
    )
    .await;
    let paused = |state: Option<PublicState>| state == Some(PublicState::Paused);
    let calls: Vec<_> = ids
        .iter()
        .chain(&expiring)
        .enumerate()
        .map(|(n, id)| {
            let (client, id) = (serve.client(KEY), id.clone());
            tokio::spawn(async move {
                // Half of them as a request, the others as the end of a TTL.
                if n < PAUSES {
                    client.pause(&id, CallOptions::default()).await.is_ok()
                } else {
                    client.set_timeout(&id, &TimeoutOptions { timeout: 0 }, CallOptions::default()).await.is_ok()
                }
            })
        })
        .collect();
    // Some are under way then.
    while !paused(detail(&serve, &ids[0]).await.state) {}
    serve.signal(nix::sys::signal::Signal::SIGTERM);
    let acknowledged = join_all(calls).await;
    assert_eq!(serve.child.wait().unwrap().code(), Some(0));
    serve.restart();
    for (id, acknowledged) in ids.iter().chain(&expiring).zip(acknowledged) {
        let sandbox = detail(&serve, id).await;
        let state = sandbox.state.clone().unwrap();
        assert!(!state.is_failed() && state != PublicState::Deleted, "{sandbox:#?}");
        assert!(!acknowledged.unwrap() || state == PublicState::Paused, "{sandbox:#?}");
        assert!(serve.folder.path().join("sandboxes").join(id).exists());
    }
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

/// A sandbox of a template whose start command prints a numbered line every 20 ms, for half a minute.
async fn ticking(serve: &Serve) -> String {
    let definition = r#"start_command = "(for n in $(seq 1500); do echo tick $n; sleep 0.02; done) &""#;
    let folder = serve.folder.path().join("templates");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("tpl-tick.toml"), definition).unwrap();
    let options = CreateOptions { template_id: "tpl-tick".to_owned(), wait_ready: true, ..CreateOptions::default() };
    serve.client(KEY).create(&options, CallOptions::default()).await.unwrap().value.sandbox_id
}

async fn ticks(serve: &Serve, id: &str) -> Vec<u64> {
    timed_ticks(serve, id).await.into_iter().map(|(_, tick)| tick).collect()
}

/// With the times at which they were printed.
async fn timed_ticks(serve: &Serve, id: &str) -> Vec<(Timestamp, u64)> {
    let query = LogsQuery { limit: Some(1000), ..LogsQuery::default() };
    let answer = serve.client(KEY).logs(id, &query, CallOptions::default()).await.unwrap().value;
    let tick = |entry: &LogEntry| Some((entry.timestamp?, entry.message.strip_prefix("tick ")?.parse().ok()?));
    answer.logs.iter().filter_map(tick).collect()
}

/// Polls until `condition` holds; a busy machine takes its time.
async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "never {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn signal_keeper(serve: &Serve, signal: Signal) -> u32 {
    let keeper = serve.keeper().unwrap();
    kill(Pid::from_raw(keeper.cast_signed()), signal).unwrap();
    keeper
}

async fn state(serve: &Serve, id: &str) -> PublicState {
    detail(serve, id).await.state.unwrap()
}

#[tokio::test]
async fn lines_printed_without_an_engine_are_in_the_log_after_adoption() {
    let mut serve = Serve::start();
    let id = ticking(&serve).await;
    eventually("ticking", async || ticks(&serve, &id).await.len() > 5).await;
    serve.kill();
    let (killed, printed) = (Timestamp::now(), Instant::now());
    // Nobody is there: the lines of this second have nowhere to go but the keeper.
    until("a second later", || printed.elapsed() > Duration::from_secs(1));
    let restarted = Timestamp::now();
    serve.restart();
    let before = *ticks(&serve, &id).await.last().unwrap();
    eventually("ticking on", async || ticks(&serve, &id).await.last() > Some(&(before + 20))).await;
    // What the engine had taken and not written when it was killed is gone with it.
    let mut ticks = timed_ticks(&serve, &id).await;
    ticks.retain(|(time, _)| *time > killed);
    assert!(ticks[0].0 < restarted, "nothing of the time without an engine: {ticks:?}");
    let mut ticks: Vec<u64> = ticks.into_iter().map(|(_, tick)| tick).collect();
    ticks.dedup();
    assert!(ticks.windows(2).all(|pair| pair[1] == pair[0] + 1), "a tick is missing: {ticks:?}");
}

#[tokio::test]
async fn an_exit_without_an_engine_is_explained_after_adoption() {
    let mut serve = Serve::start();
    let (id, other) = (serve.sandbox().await, serve.sandbox().await);
    let agents = serve.agents(&id);
    serve.kill();
    // One may end with another.
    for pid in &agents {
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
    }
    until("its end", || agents.iter().all(|pid| !alive(*pid)));
    serve.restart();
    let sandbox = detail(&serve, &id).await;
    let diagnostic = sandbox.diagnostic.clone().unwrap();
    assert_eq!((sandbox.state.clone(), diagnostic.reason.as_str()), (Some(PublicState::Failed), "runtime_exited"));
    assert!(diagnostic.message.contains("its runtime ended by itself ("), "{}", diagnostic.message);
    assert_eq!(phases(&sandbox).last(), Some(&"failed"));
    assert_eq!(phases(&detail(&serve, &other).await).last(), Some(&"adopted"));
}

#[tokio::test]
async fn the_outlive_of_the_adopting_engine_holds() {
    let mut serve = Serve::start();
    serve.sandbox().await;
    serve.kill();
    serve.args = ["--api-key", KEY, "--outlive", "1"].map(str::to_owned).to_vec();
    serve.restart();
    let processes = serve.processes_of_keeper();
    serve.kill();
    eventually("dead", async || processes.iter().all(|pid| !alive(*pid))).await;
}

#[tokio::test]
async fn a_stopped_keeper_keeps_neither_a_call_nor_the_end_of_the_engine_waiting() {
    let mut serve = Serve::start();
    let id = serve.sandbox().await;
    let processes = serve.processes();
    signal_keeper(&serve, Signal::SIGSTOP);
    for (method, path) in [("GET", "metrics"), ("POST", "pause")] {
        let path = format!("/api/v1/sandboxes/{id}/{path}");
        let answer = serve.send(method, &path);
        tokio::time::timeout(Duration::from_secs(14), answer).await.expect("an answer, whatever it is");
    }
    let begun = Instant::now();
    assert_eq!(serve.terminate(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(22), "{:?}", begun.elapsed());
    assert!(processes.iter().all(|pid| !alive(*pid)), "a process is left");
    assert!(!serve.folder.path().join("run").exists(), "a socket is left");
}

#[tokio::test]
async fn an_engine_replaces_a_keeper_that_is_stopped() {
    let mut serve = Serve::start();
    let id = serve.sandbox().await;
    serve.says(&id, "echo kept > file").await;
    let keeper = signal_keeper(&serve, Signal::SIGSTOP);
    serve.kill_and_restart();
    assert!(!alive(keeper));
    serve.client(KEY).wait_ready(&id, CallOptions::default()).await.unwrap();
    assert_eq!(serve.says(&id, "cat file").await, "kept");
}

#[tokio::test]
async fn a_paused_sandbox_stays_paused_when_a_keeper_ends_again_and_again() {
    let serve = Serve::start();
    let (id, paused) = (serve.sandbox().await, serve.sandbox().await);
    serve.says(&id, "echo kept > file").await;
    serve.client(KEY).pause(&paused, CallOptions::default()).await.unwrap();
    for loss in 0..4 {
        eventually("running", async || state(&serve, &id).await == PublicState::Running && serve.keeper().is_some())
            .await;
        let keeper = signal_keeper(&serve, Signal::SIGKILL);
        until("dead", || !alive(keeper));
        if loss < 3 {
            let restarts =
                async || phases(&detail(&serve, &id).await).iter().filter(|phase| **phase == "restarting").count();
            eventually("restarting", async || restarts().await == loss + 1).await;
        }
    }
    eventually("paused", async || state(&serve, &id).await == PublicState::Paused).await;
    let sandbox = detail(&serve, &id).await;
    assert_eq!(sandbox.diagnostic.unwrap().reason, "keeper_lost");
    let client = serve.client(KEY);
    client.connect(&id, &ConnectOptions::default(), Wait::UntilReady, CallOptions::default()).await.unwrap();
    assert_eq!(serve.says(&id, "cat file").await, "kept");
    assert_eq!(state(&serve, &paused).await, PublicState::Paused);
}

#[tokio::test]
async fn the_warm_pool_is_filled_again_when_the_keeper_was_killed() {
    let serve = Serve::start();
    let warm = async || {
        let report = serve.report().await;
        report.lines().any(|line| line == r#"sandbar_warm_runtimes{template="base",state="warm"} 2"#)
    };
    eventually("warm", warm).await;
    let left: Vec<_> = serve.sandbox_folders();
    signal_keeper(&serve, Signal::SIGKILL);
    eventually("replaced", async || warm().await && serve.sandbox_folders().iter().all(|name| !left.contains(name)))
        .await;
    let sandbox = detail(&serve, &serve.sandbox().await).await;
    assert_eq!(sandbox.timeline[1].message.as_deref(), Some("claimed a warm runtime"));
}

#[tokio::test]
async fn a_template_with_a_command_that_is_too_long_costs_no_other_sandbox() {
    let serve = Serve::start();
    let (id, keeper) = (serve.sandbox().await, serve.keeper());
    let folder = serve.folder.path().join("templates");
    std::fs::create_dir_all(&folder).unwrap();
    let definition = format!("start_command = 'true {}'", "x".repeat(17 * 1024 * 1024));
    std::fs::write(folder.join("tpl-long.toml"), definition).unwrap();
    let options = CreateOptions { template_id: "tpl-long".to_owned(), wait_ready: true, ..CreateOptions::default() };
    let refused = serve.client(KEY).create(&options, CallOptions::default()).await.unwrap_err().to_string();
    assert!(refused.contains("`start_command` must have at most 131071 bytes"), "{refused}");
    assert_eq!(serve.says(&id, "echo on").await, "on");
    assert_eq!(serve.keeper(), keeper);
}
