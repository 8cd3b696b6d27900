//! `Connect-Timeout-Ms`: how long a client gives a call.

use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::support::{Agent, runs, until};

/// A call with a time limit: its status, and all of its answer.
async fn call(agent: &Agent, path: &str, limit: &str, body: Value) -> (u16, String) {
    let request = Request::post(path).header("connect-timeout-ms", limit).body(body.to_string().into()).unwrap();
    let (status, body) = agent.send(request).await;
    (status.as_u16(), String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned())
}

#[tokio::test]
async fn start_ends_with_its_process_at_the_time_limit() {
    let agent = Agent::new();
    let pid_file = agent.path("pid");
    let start = json!({ "process": { "cmd": format!("echo $$ > {pid_file}; sleep 1000") } });
    let (status, answer) = call(&agent, "/process.Process/Start", "400", start).await;
    assert_eq!(status, 200);
    assert!(answer.contains("deadline_exceeded") && answer.contains("400 ms"), "{answer}");
    let pid: u64 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    until("its process ended", || !runs(pid)).await;
}

#[tokio::test]
async fn other_streams_end_at_the_time_limit_and_leave_the_process() {
    let agent = Agent::new();
    let events = agent.shell("sleep 1000").await;
    let selector = json!({ "process": { "pid": events.pid } });
    let (status, answer) = call(&agent, "/process.Process/Connect", "50", selector).await;
    assert!(status == 200 && answer.contains("deadline_exceeded"), "{answer}");
    let watch = json!({ "path": agent.folder.path() });
    let (status, answer) = call(&agent, "/filesystem.Filesystem/WatchDir", "50", watch).await;
    assert!(status == 200 && answer.contains("deadline_exceeded"), "{answer}");
    assert!(runs(events.pid));
}

#[tokio::test]
async fn unary_call_fails_at_the_time_limit() {
    let agent = Agent::new();
    let events = agent.start(json!({ "process": { "cmd": "sleep 1000" }, "stdin": true })).await;
    let input = "x".repeat(4 << 20);
    let send = json!({ "process": { "pid": events.pid }, "input": { "stdin": crate::support::encoded(input) } });
    let (status, answer) = call(&agent, "/process.Process/SendInput", "100", send).await;
    assert!(status == 504 && answer.contains("deadline_exceeded"), "{status} {answer}");
}

#[tokio::test]
async fn call_that_is_in_time_is_answered() {
    let agent = Agent::new();
    let start = json!({ "process": { "cmd": "echo done" } });
    let (_, answer) = call(&agent, "/process.Process/Start", "600000", start).await;
    assert!(answer.contains("exit status 0") && !answer.contains("deadline_exceeded"), "{answer}");
    assert_eq!(call(&agent, "/process.Process/List", "0", json!({})).await.0, 200);
    assert_eq!(call(&agent, "/process.Process/List", "soon", json!({})).await.0, 400);
}
