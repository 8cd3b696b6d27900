use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::support::{Agent, encoded};

fn cat() -> Value {
    json!({ "process": { "cmd": "cat" }, "stdin": true })
}

#[tokio::test]
async fn input_reaches_the_process_until_it_is_closed() {
    let agent = Agent::new();
    let mut events = agent.start(cat()).await;
    let process = json!({ "pid": events.pid });
    agent.ask("SendInput", json!({ "process": process, "input": { "stdin": encoded("one\n") } })).await;
    events.until("one\n").await;
    agent.ask("SendInput", json!({ "process": process, "input": { "stdin": encoded("two\n"), "pty": null } })).await;
    events.until("two\n").await;
    agent.ask("CloseStdin", json!({ "process": process })).await;
    assert_eq!(events.ended().await.end["exitCode"], 0);
}

#[tokio::test]
async fn without_an_input_a_process_reads_its_end() {
    let agent = Agent::new();
    let start = json!({ "process": { "cmd": "cat; echo end" }, "stdin": false });
    assert_eq!(agent.start(start).await.ended().await.stdout(), "end\n");
}

#[tokio::test]
async fn a_process_has_an_input_unless_it_is_told_otherwise() {
    let agent = Agent::new();
    for start in [json!({ "process": { "cmd": "cat" } }), json!({ "process": { "cmd": "cat" }, "stdin": null })] {
        let events = agent.start(start).await;
        let process = json!({ "pid": events.pid });
        agent.ask("SendInput", json!({ "process": process, "input": { "stdin": encoded("ping\n") } })).await;
        agent.ask("CloseStdin", json!({ "process": process })).await;
        assert_eq!(events.ended().await.stdout(), "ping\n");
    }
}

#[tokio::test]
async fn input_larger_than_a_pipe_is_written_as_a_whole() {
    let agent = Agent::new();
    let events = agent.start(json!({ "process": { "cmd": "sleep 0.1; wc -c" }, "stdin": true })).await;
    let process = json!({ "pid": events.pid });
    let large = encoded(vec![b'x'; 1_000_000]);
    agent.ask("SendInput", json!({ "process": process, "input": { "stdin": large } })).await;
    agent.ask("CloseStdin", json!({ "process": process })).await;
    assert_eq!(events.ended().await.stdout().trim(), "1000000");
}

#[tokio::test]
async fn a_process_that_does_not_read_does_not_hold_the_request_for_ever() {
    let agent = Agent::new();
    let events = agent.start(json!({ "process": { "cmd": "sleep 1000" }, "stdin": true })).await;
    let process = json!({ "pid": events.pid });
    let large = encoded(vec![b'x'; 1_000_000]);
    // From here on, waiting takes no time.
    tokio::time::pause();
    let (status, code, message) =
        agent.refusal("SendInput", json!({ "process": process, "input": { "stdin": large } })).await;
    tokio::time::resume();
    assert_eq!((status, code.as_str()), (400, "failed_precondition"));
    assert_eq!(
        message,
        format!("process {} did not read its input for 20 s: 65536 of 1000000 bytes went in", events.pid)
    );
    agent.ask("SendSignal", json!({ "process": process, "signal": "SIGKILL" })).await;
    assert_eq!(events.ended().await.end["status"], "signal: killed");
}

#[tokio::test]
async fn input_that_waits_does_not_keep_an_ended_process() {
    let agent = Agent::new();
    let events = agent.start(json!({ "process": { "cmd": "sleep 1000" }, "stdin": true })).await;
    let process = json!({ "pid": events.pid });
    let input = json!({ "process": process, "input": { "stdin": encoded(vec![b'x'; 1_000_000]) } });
    let ((status, code, message), _) = tokio::join!(
        agent.refusal("SendInput", input),
        agent.ask("SendSignal", json!({ "process": process, "signal": "SIGKILL" }))
    );
    assert_eq!((status, code.as_str()), (400, "failed_precondition"), "{message}");
    events.ended().await;
}

#[tokio::test]
async fn there_is_a_reason_for_each_input_that_is_not_taken() {
    let agent = Agent::new();
    let none = agent.start(json!({ "process": { "cmd": "sleep 1000" }, "stdin": false })).await;
    let input = |pid: u64| json!({ "process": { "pid": pid }, "input": { "stdin": encoded("x") } });
    let (status, code, message) = agent.refusal("SendInput", input(none.pid)).await;
    assert_eq!((status, code.as_str()), (400, "failed_precondition"));
    assert_eq!(
        message,
        format!("process {} has no standard input: start it without `stdin: false` to have one", none.pid)
    );
    let (_, code, _) = agent.refusal("CloseStdin", json!({ "process": { "pid": none.pid } })).await;
    assert_eq!(code, "failed_precondition");
    agent.ask("SendSignal", json!({ "process": { "pid": none.pid }, "signal": "9" })).await;
    none.ended().await;

    let closed = agent.start(json!({ "process": { "cmd": "sleep 1000" }, "stdin": true })).await;
    let pid = closed.pid;
    for _ in 0..2 {
        agent.ask("CloseStdin", json!({ "process": { "pid": pid } })).await;
    }
    let (status, code, message) = agent.refusal("SendInput", input(pid)).await;
    assert_eq!((status, code.as_str()), (400, "failed_precondition"));
    assert_eq!(message, format!("process {pid} takes no input any more: its standard input was closed"));
    agent.ask("SendSignal", json!({ "process": { "pid": pid }, "signal": "9" })).await;
    closed.ended().await;
    let (status, code, message) = agent.refusal("SendInput", input(pid)).await;
    assert_eq!((status, code.as_str()), (404, "not_found"));
    assert_eq!(message, format!("process not found: process {pid} has ended"));
}

#[tokio::test]
async fn input_may_come_as_a_stream() {
    let agent = Agent::new();
    let events = agent.start(cat()).await;
    let process = json!({ "pid": events.pid });
    let frames = [
        json!({ "start": { "process": process } }),
        json!({ "keepalive": {} }),
        json!({ "data": { "input": { "stdin": encoded("one ") } } }),
        json!({ "data": { "input": { "stdin": encoded("two") } } }),
    ];
    let (status, answer) = stream_input(&agent, &frames).await;
    assert_eq!((status, answer.as_slice()), (200, &b"\0\0\0\0\x02{}\x02\0\0\0\x02{}"[..]));
    agent.ask("CloseStdin", json!({ "process": process })).await;
    assert_eq!(events.ended().await.stdout(), "one two");
}

#[tokio::test]
async fn a_stream_of_input_first_says_for_whom() {
    let agent = Agent::new();
    let data = json!({ "data": { "input": { "stdin": encoded("x") } } });
    for frames in [vec![], vec![data], vec![json!({ "keepalive": {} })]] {
        let (status, answer) = stream_input(&agent, &frames).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((status, &answer["code"]), (400, &json!("invalid_argument")), "{answer}");
    }
    let (status, _) = stream_input(&agent, &[json!({ "start": { "process": { "tag": "none" } } })]).await;
    assert_eq!(status, 404);
}

async fn stream_input(agent: &Agent, frames: &[Value]) -> (u16, Vec<u8>) {
    let mut bytes = Vec::new();
    for frame in frames {
        let text = frame.to_string();
        bytes.extend([0, 0, 0, 0, u8::try_from(text.len()).unwrap()]);
        bytes.extend(text.as_bytes());
    }
    let (status, body) = agent.send(Request::post("/process.Process/StreamInput").body(bytes.into()).unwrap()).await;
    (status.as_u16(), body.collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn a_caller_who_sends_the_rest_again_is_told_how_much_went_in() {
    let agent = Agent::new();
    let gate = agent.path("gate");
    let line = format!("until [ -e {gate} ]; do sleep 0.01; done; wc -c");
    let events = agent.start(json!({ "process": { "cmd": line }, "stdin": true })).await;
    let process = json!({ "pid": events.pid });
    let input =
        |bytes: usize| json!({ "process": process, "input": { "stdin": encoded(vec![b'x'; bytes]) }, "partial": true });
    tokio::time::pause();
    let answer = agent.ask("SendInput", input(1_000_000)).await;
    tokio::time::resume();
    assert_eq!(answer, json!({ "written": 65_536 }));
    std::fs::write(&gate, "").unwrap();
    assert_eq!(agent.ask("SendInput", input(1_000_000 - 65_536)).await, json!({ "written": 1_000_000 - 65_536 }));
    agent.ask("CloseStdin", json!({ "process": process })).await;
    assert_eq!(events.ended().await.stdout().trim(), "1000000");
}
