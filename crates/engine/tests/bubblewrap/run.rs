//! `POST /run` of the agent, in a real sandbox.

use std::time::Duration;

use axum::http::StatusCode;
use sandbar_protocol::{LogLevel, RunResponse};
use serde_json::{Value, json};

use crate::support::{Host, until};

/// The answer to one request in a sandbox of its own.
async fn answer(request: Value) -> RunResponse {
    let host = Host::new();
    let sandbox = host.running().await;
    let answer = sandbox.execute(request).await;
    sandbox.destroy().await.unwrap();
    answer
}

#[tokio::test]
async fn a_command_alone_is_a_shell_line() {
    let answer = answer(json!({ "cmd": "echo $((6 * 7)) | tr 4 x; echo oops >&2; exit 3" })).await;
    assert_eq!((answer.stdout.as_str(), answer.stderr.as_str(), answer.exit_code), ("x2\n", "oops\n", 3));
    assert_eq!(answer.error, None, "a failing command is a result");
}

#[tokio::test]
async fn with_arguments_no_shell_reads_them() {
    let answer = answer(json!({ "cmd": "printf", "args": ["%s|", "$HOME; id", "a b", ""] })).await;
    assert_eq!((answer.stdout.as_str(), answer.exit_code), ("$HOME; id|a b||", 0));
}

#[tokio::test]
async fn what_it_prints_is_in_the_log_as_well() {
    let host = Host::new();
    let sandbox = host.running().await;
    sandbox.run("echo out; echo err >&2; printf unended").await;
    let mut expected = vec![(LogLevel::Info, "out"), (LogLevel::Error, "err"), (LogLevel::Info, "unended")];
    while !expected.is_empty() {
        // The two outputs are not in step.
        let (level, line) = host.next_line().await;
        let index = expected.iter().position(|known| *known == (level, &line)).unwrap_or_else(|| panic!("{line}"));
        expected.remove(index);
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn it_starts_in_the_workspace_or_where_it_is_told() {
    let host = Host::new();
    let sandbox = host.running().await;
    assert_eq!(sandbox.says("pwd; mkdir sub").await, "/root/workspace");
    assert_eq!(sandbox.execute(json!({ "cmd": "pwd", "cwd": "sub" })).await.stdout, "/root/workspace/sub\n");
    assert_eq!(sandbox.execute(json!({ "cmd": "pwd", "args": [], "cwd": "/tmp" })).await.stdout, "/tmp\n");
    assert_eq!(sandbox.execute(json!({ "cmd": "pwd", "cwd": "~" })).await.stdout, "/root\n");
    let (status, _, message) = sandbox.refusal(r#"{"cmd":"pwd","cwd":"none"}"#).await;
    let why = "the working directory /root/workspace/none does not exist: make it first";
    assert_eq!((status, message.as_str()), (StatusCode::NOT_FOUND, why));
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn its_variables_join_the_sandboxs_and_win() {
    let host = Host::new();
    let sandbox = host.sandbox();
    sandbox.start_with_env("COLOUR", "red").await;
    let line = "echo $COLOUR $SHAPE $HOME $USER";
    assert_eq!(sandbox.says(line).await, "red /root root");
    let request = json!({ "cmd": line, "env": { "COLOUR": "blue", "SHAPE": "round" } });
    assert_eq!(sandbox.execute(request).await.stdout, "blue round /root root\n");
    assert_eq!(sandbox.says(line).await, "red /root root", "of that one command alone");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn standard_input_is_what_was_sent_or_empty() {
    assert_eq!(answer(json!({ "cmd": "cat", "stdin": "été\n" })).await.stdout, "été\n");
    assert_eq!(answer(json!({ "cmd": "cat; echo end" })).await.stdout, "end\n");
    let large = "x".repeat(1_000_000);
    assert_eq!(answer(json!({ "cmd": "wc -c", "stdin": large })).await.stdout.trim(), "1000000");
    assert_eq!(answer(json!({ "cmd": "true", "stdin": large })).await.exit_code, 0, "nobody read it");
}

#[tokio::test]
async fn exit_codes_are_as_shells_have_them() {
    assert_eq!(answer(json!({ "cmd": "kill -TERM $$" })).await.exit_code, 128 + 15);
    let missing = answer(json!({ "cmd": "no-such-program", "args": ["x"] })).await;
    assert_eq!(missing.exit_code, 127);
    assert_eq!(missing.error.as_deref(), Some("\"no-such-program\" was not found in the sandbox"));
    let folder = answer(json!({ "cmd": "/etc", "args": ["x"] })).await;
    assert_eq!((folder.exit_code, folder.error.as_deref()), (126, Some("\"/etc\" can't be executed")));
}

#[tokio::test]
async fn a_time_limit_kills_the_command_and_all_it_started() {
    let host = Host::new();
    let sandbox = host.running().await;
    let namespace = sandbox.pid_namespace().await;
    let idle = namespace.members().len();
    let line = "echo begun; sleep 1001 & sleep 1002";
    let ended = sandbox.execute(json!({ "cmd": line, "timeoutMs": 300 })).await;
    assert_eq!((ended.stdout.as_str(), ended.exit_code), ("begun\n", 128 + 9));
    assert_eq!(ended.error.as_deref(), Some("timed out after 300 ms and was killed"));
    assert!(ended.duration_ms >= 300);
    until("nothing of it runs", async || namespace.members().len() == idle).await;
    let ended = sandbox.execute(json!({ "cmd": "sleep 1003", "timeout": 0.2 })).await;
    assert_eq!(ended.error.as_deref(), Some("timed out after 200 ms and was killed"), "older clients send seconds");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_the_command() {
    let host = Host::new();
    let sandbox = host.running().await;
    let namespace = sandbox.pid_namespace().await;
    let idle = namespace.members().len();
    let request = json!({ "cmd": "sleep 1004 & sleep 1005" }).to_string();
    tokio::select! {
        ended = sandbox.post("/run", request) => panic!("{ended:?}"),
        () = until("it runs", async || namespace.members().len() >= idle + 3) => {}
    }
    until("nothing of it runs", async || namespace.members().len() == idle).await;
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn what_is_left_in_the_background_lives_on_and_holds_nobody_up() {
    let host = Host::new();
    let sandbox = host.running().await;
    let ended = sandbox.execute(json!({ "cmd": "sleep 1006 & echo done", "timeoutMs": 20_000 })).await;
    assert_eq!((ended.stdout.as_str(), ended.error), ("done\n", None));
    assert!(ended.duration_ms < 10_000);
    assert_eq!(sandbox.says("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 100[6]'").await, "1");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn output_is_cut_off_and_says_so() {
    const LIMIT: usize = 4 * 1024 * 1024;
    let ended = answer(json!({ "cmd": "head -c 5000000 /dev/zero | tr '\\0' x; echo end >&2" })).await;
    assert_eq!((ended.stdout.len(), ended.stderr.as_str(), ended.exit_code), (LIMIT, "end\n", 0));
    assert!(ended.error.unwrap().starts_with("output was cut off at 4194304 bytes"));
}

#[tokio::test]
async fn commands_run_side_by_side() {
    let host = Host::new();
    let sandbox = host.running().await;
    let waits = sandbox.run("until [ -e /tmp/go ]; do sleep 0.01; done; echo gone");
    let goes = sandbox.run("touch /tmp/go");
    let both = async { tokio::join!(waits, goes) };
    let (waited, _) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    assert_eq!(waited.stdout, "gone\n");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_the_shape_of_one() {
    let host = Host::new();
    let sandbox = host.running().await;
    for body in
        ["", "{", "[1]", r#"{"args":[]}"#, r#"{"cmd":1}"#, r#"{"cmd":"x","args":"y"}"#, r#"{"cmd":"x","timeoutMs":-1}"#]
    {
        let (status, code, message) = sandbox.refusal(body).await;
        assert_eq!((status, code.as_str()), (StatusCode::BAD_REQUEST, "invalid_argument"), "{body}");
        assert!(message.contains("is not what this route takes") || message.contains("`cmd`"), "{message}");
    }
    let (status, _, message) = sandbox.refusal(r#"{"cmd":""}"#).await;
    assert_eq!((status, message.as_str()), (StatusCode::BAD_REQUEST, "`cmd` is empty: pass a command line"));
    let (status, body) = sandbox.post("/nothing", "").await.unwrap();
    assert_eq!((status, body["code"].as_str()), (StatusCode::NOT_FOUND, Some("unimplemented")));
    sandbox.destroy().await.unwrap();
}
