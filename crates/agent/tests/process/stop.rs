use std::sync::Arc;

use serde_json::json;

use crate::support::{Agent, Events, runs, until};

/// The numbers of processes that a command printed, one a line.
fn pids(text: &str) -> Vec<u64> {
    text.lines().map(|line| line.parse().unwrap()).collect()
}

async fn three_pids(events: &mut Events) -> Vec<u64> {
    let mut text = String::new();
    while text.lines().count() < 3 {
        text.push_str(&events.until("\n").await);
    }
    pids(&text)
}

/// A child, one in a session of its own, and one in a session of its own whose parent is gone.
const FAMILY: &str =
    "sleep 1000 & echo $!; setsid sleep 1000 & echo $!; (setsid sh -c 'echo $$; exec sleep 1000' &); wait";

#[tokio::test]
async fn a_killed_process_takes_all_it_started_with_it() {
    let agent = Agent::new();
    let mut events = agent.shell(FAMILY).await;
    let family = three_pids(&mut events).await;
    assert!(family.iter().all(|pid| runs(*pid)));
    let kill = json!({ "process": { "pid": events.pid }, "signal": "SIGNAL_SIGKILL" });
    assert_eq!(agent.ask("SendSignal", kill).await, json!({}));
    let ended = events.ended().await;
    let expected =
        json!({ "exitCode": 137, "exited": false, "status": "signal: killed", "error": "killed by SIGKILL" });
    assert_eq!(ended.end, expected);
    until("nothing of it runs", || !family.iter().any(|pid| runs(*pid))).await;
}

#[tokio::test]
async fn a_kill_is_answered_when_all_are_gone() {
    let agent = Agent::new();
    let mut events = agent.shell(FAMILY).await;
    let family = three_pids(&mut events).await;
    agent.ask("SendSignal", json!({ "process": { "pid": events.pid }, "signal": "SIGKILL" })).await;
    assert_eq!(family.into_iter().filter(|pid| runs(*pid)).collect::<Vec<_>>(), [0_u64; 0]);
    let listed = agent.ask("List", json!({})).await;
    assert_eq!(listed["processes"], json!([]));
}

#[tokio::test]
async fn a_time_limit_kills_all_and_says_so() {
    let agent = Agent::new();
    for limit in [json!({ "timeoutMs": 300 }), json!({ "timeout": 0.3 })] {
        let mut start = json!({ "process": { "cmd": FAMILY } });
        start.as_object_mut().unwrap().extend(limit.as_object().unwrap().clone());
        let ended = agent.start(start).await.ended().await;
        let error = "timed out after 300 ms and was killed";
        assert_eq!(ended.end, json!({ "exitCode": 137, "exited": false, "status": "signal: killed", "error": error }));
        let family = pids(ended.stdout());
        assert_eq!(family.len(), 3);
        until("nothing of it runs", || !family.iter().any(|pid| runs(*pid))).await;
    }
}

#[tokio::test]
async fn other_signals_go_to_the_group_and_may_be_handled() {
    let agent = Agent::new();
    let mut events = agent.shell("trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.01; done").await;
    events.until("ready").await;
    agent.ask("SendSignal", json!({ "process": { "pid": events.pid }, "signal": "SIGNAL_SIGTERM" })).await;
    let ended = events.ended().await;
    assert_eq!((ended.stdout(), &ended.end["status"]), ("caught\n", &json!("exit status 5")));

    let events = agent.start(json!({ "process": { "cmd": "sleep", "args": ["1000"] } })).await;
    agent.ask("SendSignal", json!({ "process": { "pid": events.pid }, "signal": "SIGINT" })).await;
    let ended = events.ended().await;
    assert_eq!((&ended.end["exited"], &ended.end["status"]), (&json!(false), &json!("signal: interrupt")));
}

#[tokio::test]
async fn a_kill_does_not_touch_other_processes() {
    let agent = Agent::new();
    let other = agent.shell("sleep 1000 & wait").await;
    let events = agent.shell("sleep 1000 & wait").await;
    agent.ask("SendSignal", json!({ "process": { "pid": events.pid }, "signal": 9 })).await;
    events.ended().await;
    assert!(runs(other.pid));
    agent.ask("SendSignal", json!({ "process": { "pid": other.pid }, "signal": 9 })).await;
    other.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_kill_does_not_touch_what_is_just_starting() {
    let agent = Arc::new(Agent::new());
    let killing = tokio::spawn({
        let agent = Arc::clone(&agent);
        async move {
            loop {
                let events = agent.shell("sleep 1000").await;
                agent.ask("SendSignal", json!({ "process": { "pid": events.pid }, "signal": 9 })).await;
                events.ended().await;
            }
        }
    });
    let runs = (0..4).map(|_| {
        let agent = Arc::clone(&agent);
        tokio::spawn(async move {
            for _ in 0..150 {
                assert_eq!(agent.run(json!({ "cmd": "true", "args": [] })).await["exit_code"], 0);
            }
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
    assert!(!killing.is_finished());
    killing.abort();
}

#[tokio::test]
async fn a_process_without_an_end_is_not_finished() {
    let agent = Agent::new();
    let events = agent.shell("sleep 1000").await;
    let (status, code, message) = agent.refusal("GetResult", json!({ "cmdId": events.cmd_id })).await;
    assert_eq!((status, code.as_str()), (404, "not_found"));
    assert!(message.contains("has not finished"), "{message}");
    agent.ask("SendSignal", json!({ "process": { "pid": events.pid }, "signal": "9" })).await;
    let cmd_id = events.cmd_id.clone();
    events.ended().await;
    assert_eq!(agent.ask("GetResult", json!({ "cmdId": cmd_id })).await["exitCode"], 137);
}
