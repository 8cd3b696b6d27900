use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::support::{Agent, encoded};

/// Code and message of a process that does not start, which no stream begins for.
async fn refused(process: Value) -> (u16, String, String) {
    Agent::new().refusal("Start", json!({ "process": process })).await
}

fn expected(status: u16, code: &str, message: &str) -> (u16, String, String) {
    (status, code.to_owned(), message.to_owned())
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let missing = refused(json!({ "cmd": "no-such-program", "args": ["x"] })).await;
    assert_eq!(missing, expected(404, "not_found", "\"no-such-program\" was not found in the sandbox"));
    let folder = refused(json!({ "cmd": "/etc", "args": ["x"] })).await;
    assert_eq!(folder, expected(403, "permission_denied", "\"/etc\" can't be executed"));
    let cwd = refused(json!({ "cmd": "true", "cwd": "/none" })).await;
    assert_eq!(cwd, expected(404, "not_found", "the working directory /none does not exist: make it first"));
}

#[tokio::test]
async fn a_script_without_its_interpreter_is_not_called_missing() {
    let agent = Agent::new();
    let script = agent.path("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    let chmod = std::process::Command::new("chmod").args(["+x", &script]).status().unwrap();
    assert!(chmod.success());
    let start = json!({ "process": { "cmd": script, "args": ["x"] } });
    let (status, _, message) = agent.refusal("Start", start).await;
    assert_eq!(status, 404);
    assert!(message.contains("not the interpreter"), "{message}");
}

#[tokio::test]
async fn what_no_process_can_have_is_refused_by_its_field() {
    for (process, field) in [
        (json!({}), "`cmd`"),
        (json!({ "cmd": "" }), "`cmd`"),
        (json!({ "cmd": " " }), "`cmd`"),
        (json!({ "cmd": "a\0b" }), "`cmd`"),
        (json!({ "cmd": "true", "args": ["a", "b\0"] }), "`args[1]`"),
        (json!({ "cmd": "true", "cwd": "/\0" }), "`cwd`"),
        (json!({ "cmd": "true", "envs": { "A=B": "c" } }), "`process.envs`"),
        (json!({ "cmd": "true", "envs": { "": "c" } }), "`process.envs`"),
        (json!({ "cmd": "true", "envs": { "A": "secret\0" } }), "`process.envs`"),
    ] {
        let (status, code, message) = refused(process.clone()).await;
        assert_eq!((status, code.as_str()), (400, "invalid_argument"), "{process}: {message}");
        assert!(message.contains(field) && !message.contains("secret"), "{process}: {message}");
    }
}

#[tokio::test]
async fn a_selector_is_one_of_pid_and_tag() {
    let agent = Agent::new();
    for process in [json!({}), json!({ "pid": null, "tag": "" }), json!({ "pid": 1, "tag": "x" })] {
        for name in ["Connect", "CloseStdin"] {
            let (status, code, message) = agent.refusal(name, json!({ "process": process })).await;
            assert_eq!((status, code.as_str()), (400, "invalid_argument"), "{process}");
            assert!(message.contains("`pid`") && message.contains("`tag`"), "{message}");
        }
    }
}

#[tokio::test]
async fn an_unknown_process_is_not_found_by_any_call() {
    let agent = Agent::new();
    for (name, rest) in [
        ("Connect", json!({})),
        ("CloseStdin", json!({})),
        ("SendInput", json!({ "input": { "stdin": encoded("x") } })),
        ("SendSignal", json!({ "signal": "SIGNAL_SIGKILL" })),
        ("Update", json!({ "pty": { "size": { "cols": 80, "rows": 24 } } })),
    ] {
        for (process, who) in
            [(json!({ "pid": 1 }), "no process 1 runs"), (json!({ "tag": "x" }), "no process with the tag \"x\" runs")]
        {
            let mut body = rest.clone();
            body["process"] = process;
            let message = format!("process not found: {who} in this sandbox");
            assert_eq!(agent.refusal(name, body).await, expected(404, "not_found", &message), "{name}");
        }
    }
    let (status, code, message) = agent.refusal("GetResult", json!({ "cmdId": "none" })).await;
    assert_eq!((status, code.as_str()), (404, "not_found"));
    assert!(message.contains("process not found"), "{message}");
    let (status, code, _) = agent.refusal("GetResult", json!({})).await;
    assert_eq!((status, code.as_str()), (400, "invalid_argument"));
}

#[tokio::test]
async fn input_is_base64_in_one_of_two_fields() {
    let agent = Agent::new();
    for (input, field) in [
        (json!({}), "`stdin`"),
        (json!({ "stdin": "eA==", "pty": "eA==" }), "`pty`"),
        (json!({ "stdin": "not base64" }), "`input.stdin`"),
    ] {
        let body = json!({ "process": { "pid": 1 }, "input": input });
        let (status, code, message) = agent.refusal("SendInput", body).await;
        assert_eq!((status, code.as_str()), (400, "invalid_argument"));
        assert!(message.contains(field), "{message}");
    }
}

#[tokio::test]
async fn there_is_one_user() {
    let agent = Agent::new();
    for (name, status) in [("", 200), ("root", 200), ("bob", 400)] {
        for (path, body) in [
            ("/run", json!({ "cmd": "true" })),
            ("/process.Process/Start", json!({ "process": { "cmd": "true" } })),
            ("/process.Process/List", json!({})),
        ] {
            let authorization = format!("Basic {}", encoded(format!("{name}:")));
            let request = Request::post(path).header("authorization", authorization);
            let (answered, body) = agent.send(request.body(body.to_string().into()).unwrap()).await;
            assert_eq!(answered.as_u16(), status, "{name} {path}");
            if status == 400 {
                let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
                let message = "there is no user \"bob\" in this sandbox: leave it out, or use root";
                assert_eq!(body, json!({ "code": "invalid_argument", "message": message }));
            }
        }
    }
}
