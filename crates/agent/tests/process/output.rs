use serde_json::json;

use crate::support::{Agent, until};

#[tokio::test]
async fn no_chunk_ends_within_a_character() {
    let agent = Agent::new();
    let gate = agent.path("gate");
    // The first half of a character, and the second only when somebody waits for it.
    let line = format!("printf 'a\\342\\202'; until [ -e {gate} ]; do sleep 0.01; done; printf '\\254b'");
    let mut events = agent.shell(&line).await;
    assert_eq!(events.until("a").await, "a");
    std::fs::write(gate, "").unwrap();
    assert_eq!(events.until("b").await, "€b");
}

#[tokio::test]
async fn bytes_that_are_no_text_come_as_they_are() {
    let agent = Agent::new();
    let ended = agent.shell("printf '\\377\\000\\342\\202'").await.ended().await;
    assert_eq!(ended.stdout, b"\xff\0\xe2\x82");
}

#[tokio::test]
async fn a_client_that_reads_gets_every_byte_however_much_it_is() {
    let agent = Agent::new();
    let ended = agent.shell("head -c 30000000 /dev/zero").await.ended().await;
    assert_eq!((ended.stdout.len(), &ended.end["error"]), (30_000_000, &json!(null)));
}

#[tokio::test]
async fn a_process_that_nobody_follows_does_not_wait_and_its_last_output_is_kept() {
    let agent = Agent::new();
    let done = agent.path("done");
    let line = format!("echo the first; head -c 20000000 /dev/zero | tr '\\0' x; echo the last; echo > {done}; cat");
    let events = agent.start(json!({ "process": { "cmd": line }, "stdin": true })).await;
    let (pid, cmd_id) = (events.pid, events.cmd_id.clone());
    drop(events);
    until("it has printed all", || std::fs::exists(&done).unwrap()).await;
    agent.ask("CloseStdin", json!({ "process": { "pid": pid } })).await;
    let ended = agent.connect(pid).await.ended().await;
    // What is kept, and what was still in the pipe.
    let most = 4 * 1024 * 1024 + 64 * 1024;
    assert!(ended.stdout.len() <= most, "{} bytes", ended.stdout.len());
    assert!(ended.stdout().ends_with("the last\n"));
    let result = agent.ask("GetResult", json!({ "cmdId": cmd_id })).await;
    let why = result["error"].as_str().unwrap();
    assert!(why.contains("the first") && why.contains("were not kept"), "{why}");
}

#[tokio::test]
async fn two_clients_both_get_all() {
    let agent = Agent::new();
    let gate = agent.path("gate");
    let line = format!("until [ -e {gate} ]; do sleep 0.01; done; head -c 10000000 /dev/zero");
    let first = agent.shell(&line).await;
    let second = agent.connect(first.pid).await;
    std::fs::write(gate, "").unwrap();
    let (first, second) = tokio::join!(first.ended(), second.ended());
    assert_eq!((first.stdout.len(), second.stdout.len()), (10_000_000, 10_000_000));
}
