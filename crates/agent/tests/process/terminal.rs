use serde_json::{Value, json};

use crate::support::{Agent, encoded, runs, until};

fn terminal(cmd: &str, cols: u32, rows: u32) -> Value {
    json!({ "process": { "cmd": cmd }, "stdin": true, "pty": { "size": { "cols": cols, "rows": rows } } })
}

#[tokio::test]
async fn a_terminal_has_a_size_that_can_change() {
    let agent = Agent::new();
    let line = "trap 'stty size; exit' WINCH; tty; echo $TERM; stty size; while :; do sleep 0.01; done";
    let mut events = agent.start(terminal(line, 100, 30)).await;
    let begin = events.until("30 100\r\n").await;
    assert!(begin.starts_with("/dev/pts/") && begin.contains("xterm-256color\r\n"), "{begin:?}");
    let size = json!({ "size": { "cols": 200, "rows": 50 } });
    agent.ask("Update", json!({ "process": { "pid": events.pid }, "pty": size })).await;
    let ended = events.ended().await;
    assert_eq!((ended.pty(), &ended.end["status"]), ("50 200\r\n", &json!("exit status 0")));
    assert!(ended.stdout.is_empty() && ended.stderr.is_empty());
}

#[tokio::test]
async fn a_shell_in_a_terminal_echoes_and_obeys() {
    let agent = Agent::new();
    let mut events = agent.start(terminal("cat", 80, 24)).await;
    let process = json!({ "pid": events.pid });
    let send = async |text: &str| {
        agent.ask("SendInput", json!({ "process": process, "input": { "pty": encoded(text) } })).await;
    };
    send("hello\n").await;
    let mut seen = String::new();
    while seen.matches('\n').count() < 2 {
        seen.push_str(&events.until("\n").await);
    }
    assert_eq!(seen, "hello\r\nhello\r\n", "the echo, then what it printed");
    let (_, code, message) = agent.refusal("CloseStdin", json!({ "process": process })).await;
    assert_eq!(code, "failed_precondition");
    assert!(message.contains("Ctrl-D"), "{message}");
    send("\x04").await;
    assert_eq!(events.ended().await.end["exitCode"], 0);
}

#[tokio::test]
async fn ctrl_c_interrupts_what_runs_in_it() {
    let agent = Agent::new();
    let mut events = agent.start(json!({ "process": { "cmd": "cat", "args": ["-"] }, "pty": {} })).await;
    let process = json!({ "pid": events.pid });
    let input = |text: &str| json!({ "process": process, "input": { "pty": encoded(text) } });
    agent.ask("SendInput", input("it runs\n")).await;
    // The echo alone may come before the program has begun.
    let mut seen = String::new();
    while seen.matches("it runs").count() < 2 {
        seen.push_str(&events.until("\n").await);
    }
    agent.ask("SendInput", input("\x03")).await;
    assert_eq!(events.ended().await.end["status"], "signal: interrupt");
}

#[tokio::test]
async fn a_killed_terminal_takes_all_it_started_with_it() {
    let agent = Agent::new();
    let line = "setsid sleep 1000 & echo pid=$!; wait";
    let mut events = agent.start(terminal(line, 80, 24)).await;
    let text = events.until("\r\n").await;
    let child: u64 = text.trim().trim_start_matches("pid=").parse().unwrap();
    agent.ask("SendSignal", json!({ "process": { "pid": events.pid }, "signal": "SIGKILL" })).await;
    assert_eq!(events.ended().await.end["status"], "signal: killed");
    until("its child is dead", || !runs(child)).await;
}

#[tokio::test]
async fn sizes_that_no_terminal_has_are_refused() {
    let agent = Agent::new();
    for (cols, rows, field) in [(0, 24, "cols"), (80, 0, "rows"), (10_001, 24, "cols"), (80, 4_000_000_000, "rows")] {
        let (status, code, message) = agent.refusal("Start", terminal("true", cols, rows)).await;
        assert_eq!((status, code.as_str()), (400, "invalid_argument"));
        assert_eq!(message, format!("`pty.size.{field}` must be from 1 to 10000"));
    }
}

#[tokio::test]
async fn a_process_without_a_terminal_has_no_size() {
    let agent = Agent::new();
    let events = agent.start(json!({ "process": { "cmd": "cat" }, "stdin": true })).await;
    let process = json!({ "pid": events.pid });
    let size = json!({ "size": { "cols": 80, "rows": 24 } });
    let (_, code, message) = agent.refusal("Update", json!({ "process": process, "pty": size })).await;
    assert_eq!(code, "failed_precondition");
    assert!(message.contains("has no terminal"), "{message}");
    for update in [json!({ "process": process }), json!({ "process": process, "pty": {} })] {
        let (_, code, message) = agent.refusal("Update", update).await;
        assert_eq!(code, "invalid_argument");
        assert!(message.contains("`pty.size`"), "{message}");
    }
    agent.ask("CloseStdin", json!({ "process": process })).await;
    events.ended().await;
}

#[tokio::test]
async fn a_missing_program_is_named_with_a_terminal_too() {
    let agent = Agent::new();
    let start = json!({ "process": { "cmd": "no-such-program", "args": ["x"] }, "pty": {} });
    let (status, code, message) = agent.refusal("Start", start).await;
    assert_eq!((status, code.as_str()), (404, "not_found"));
    assert_eq!(message, "\"no-such-program\" was not found in the sandbox");
}

#[tokio::test]
async fn a_terminal_that_nobody_has_open_for_a_while_is_not_at_its_end() {
    let agent = Agent::new();
    let line = "t=$(tty); echo begun; exec </dev/null >/dev/null 2>&1; sleep 0.3; echo back >$t; sleep 0.1";
    let ended = agent.start(terminal(line, 80, 24)).await.ended().await;
    assert_eq!((ended.pty(), &ended.end["status"]), ("begun\r\nback\r\n", &json!("exit status 0")));
}
