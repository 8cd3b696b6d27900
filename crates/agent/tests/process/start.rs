use std::time::Duration;

use axum::http::Request;
use serde_json::json;

use crate::support::{Agent, runs, until};

#[tokio::test]
async fn a_process_starts_prints_and_ends() {
    let agent = Agent::new();
    let ended = agent.shell("echo out; echo err >&2; exit 3").await.ended().await;
    assert_eq!((ended.stdout(), ended.stderr.as_slice()), ("out\n", &b"err\n"[..]));
    assert_eq!(ended.end, json!({ "exitCode": 3, "exited": true, "status": "exit status 3", "error": null }));
}

#[tokio::test]
async fn with_arguments_no_shell_reads_them() {
    let agent = Agent::new();
    let start = json!({ "process": { "cmd": "printf", "args": ["%s|", "$HOME; id", "a b", ""] } });
    assert_eq!(agent.start(start).await.ended().await.stdout(), "$HOME; id|a b||");
}

#[tokio::test]
async fn null_is_as_absent_and_an_empty_list_of_arguments_as_none() {
    let agent = Agent::new();
    let process = json!({ "cmd": "echo $((6 * 7))", "args": [], "envs": null, "cwd": null });
    let start =
        json!({ "process": process, "timeoutMs": null, "timeout": null, "tag": null, "stdin": null, "pty": null });
    assert_eq!(agent.start(start).await.ended().await.stdout(), "42\n");
}

#[tokio::test]
async fn it_starts_in_the_workspace_or_where_it_is_told_with_its_own_variables() {
    let agent = Agent::new();
    let line = "pwd; echo $COLOUR $SHAPE";
    let workspace = agent.folder.path().canonicalize().unwrap().display().to_string();
    assert_eq!(agent.shell(line).await.ended().await.stdout(), format!("{workspace}\nred\n"));
    std::fs::create_dir(agent.path("sub")).unwrap();
    let start = json!({ "process": { "cmd": line, "cwd": "sub", "envs": { "COLOUR": "blue", "SHAPE": "round" } } });
    assert_eq!(agent.start(start).await.ended().await.stdout(), format!("{workspace}/sub\nblue round\n"));
}

#[tokio::test]
async fn it_goes_on_without_its_client_and_can_be_joined_later() {
    let agent = Agent::new();
    let gate = agent.path("gate");
    let mut events = agent.shell(&format!("echo first; until [ -e {gate} ]; do sleep 0.01; done; echo last")).await;
    events.until("first").await;
    let (pid, cmd_id) = (events.pid, events.cmd_id.clone());
    drop(events);
    let joined = agent.connect(pid).await;
    assert_eq!((joined.pid, joined.cmd_id.as_str()), (pid, cmd_id.as_str()));
    std::fs::write(gate, "").unwrap();
    assert_eq!(joined.ended().await.stdout(), "first\nlast\n");
}

#[tokio::test]
async fn one_that_has_ended_is_remembered() {
    let agent = Agent::new();
    let start = json!({ "process": { "cmd": "echo out; echo err >&2; exit 4" }, "tag": "short" });
    let events = agent.start(start).await;
    let (pid, cmd_id) = (events.pid, events.cmd_id.clone());
    events.ended().await;
    assert_eq!(agent.ask("List", json!({})).await, json!({ "processes": [] }));
    let again = agent.connect(pid).await.ended().await;
    assert_eq!((again.stdout(), &again.end["status"]), ("out\n", &json!("exit status 4")));
    let mut result = agent.ask("GetResult", json!({ "cmdId": cmd_id })).await;
    assert!(result["startedAtUnix"].take().as_u64().unwrap() > 1_700_000_000);
    assert_eq!(result, json!({ "exitCode": 4, "stdout": "out\n", "stderr": "err\n", "startedAtUnix": null }));
}

#[tokio::test]
async fn those_that_run_are_listed_as_they_were_started() {
    let agent = Agent::new();
    let process = json!({ "cmd": "sleep", "args": ["1000"], "envs": { "A": "b" }, "cwd": "/" });
    let tagged = agent.start(json!({ "process": process, "tag": "web" })).await;
    let plain = agent.shell("sleep 1000").await;
    let expected = json!({ "processes": [
        { "pid": tagged.pid, "config": process, "cmdId": tagged.cmd_id, "tag": "web" },
        { "pid": plain.pid, "config": { "cmd": "sleep 1000", "args": [], "envs": {} }, "cmdId": plain.cmd_id },
    ] });
    assert_eq!(agent.ask("List", json!({})).await, expected);
    for process in [json!({ "tag": "web" }), json!({ "pid": plain.pid })] {
        agent.ask("SendSignal", json!({ "process": process, "signal": "SIGNAL_SIGKILL" })).await;
    }
    until("both are dead", || !runs(tagged.pid) && !runs(plain.pid)).await;
}

#[tokio::test]
async fn a_tag_is_free_again_after_its_process() {
    let agent = Agent::new();
    let start = json!({ "process": { "cmd": "cat" }, "stdin": true, "tag": "one" });
    let first = agent.start(start.clone()).await;
    let (status, code, message) = agent.refusal("Start", start.clone()).await;
    assert_eq!((status, code.as_str()), (409, "already_exists"));
    assert!(message.contains("\"one\"") && message.contains(&first.pid.to_string()), "{message}");
    agent.ask("CloseStdin", json!({ "process": { "tag": "one" } })).await;
    first.ended().await;
    let second = agent.start(start).await;
    agent.ask("CloseStdin", json!({ "process": { "tag": "one" } })).await;
    second.ended().await;
}

#[tokio::test]
async fn a_request_may_be_framed() {
    let agent = Agent::new();
    let text = json!({ "process": { "cmd": "true" } }).to_string();
    let framed = [&[0, 0, 0, 0, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let (status, _) = agent.send(Request::post("/process.Process/Start").body(framed.into()).unwrap()).await;
    assert_eq!(status.as_u16(), 200);
}

#[tokio::test]
async fn what_runs_in_the_background_does_not_hold_up_the_end_and_lives_on() {
    let agent = Agent::new();
    let gate = agent.path("gate");
    let server = format!("(until [ -e {gate} ]; do sleep 0.01; done; echo late; echo late >&2; echo alive > {gate}) &");
    let ended = agent.shell(&format!("{server} echo started")).await.ended().await;
    assert_eq!((ended.stdout(), &ended.end["exitCode"]), ("started\n", &json!(0)));
    std::fs::write(&gate, "").unwrap();
    let alive = || std::fs::read_to_string(&gate).is_ok_and(|text| text == "alive\n");
    until("it printed, and was not ended by a closed pipe", alive).await;
}

#[tokio::test]
async fn those_that_ended_are_forgotten_after_five_minutes() {
    let agent = Agent::new();
    let running = agent.start(json!({ "process": { "cmd": "cat" }, "stdin": true, "tag": "runs" })).await;
    let ended = agent.start(json!({ "process": { "cmd": "true" }, "tag": "ended" })).await;
    let cmd_id = ended.cmd_id.clone();
    ended.ended().await;
    agent.ask("GetResult", json!({ "cmdId": cmd_id })).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(301)).await;
    tokio::time::resume();
    until_forgotten(&agent, &cmd_id).await;
    agent.ask("CloseStdin", json!({ "process": { "tag": "runs" } })).await;
    running.ended().await;
}

async fn until_forgotten(agent: &Agent, cmd_id: &str) {
    while agent.call("/process.Process/GetResult", json!({ "cmdId": cmd_id })).await.0 != 404 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_newest_of_those_that_ended_are_remembered() {
    let agent = Agent::new();
    let mut ids = Vec::new();
    for _ in 0..260 {
        let events = agent.start(json!({ "process": { "cmd": "/bin/true", "args": ["x"] } })).await;
        ids.push(events.cmd_id.clone());
        events.ended().await;
    }
    let status = async |index: usize| agent.call("/process.Process/GetResult", json!({ "cmdId": ids[index] })).await.0;
    assert_eq!((status(0).await, status(3).await, status(4).await, status(259).await), (404, 404, 200, 200));
}
