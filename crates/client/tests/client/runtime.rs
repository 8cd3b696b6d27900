//! Calls to a sandbox's runtime: where they go, with what, and what becomes of an access that is outdated.

use std::time::Duration;

use sandbar_client::{CallOptions, Client, ClientError, ClientOptions, Config, Environment, ErrorRecord, Runtime};
use sandbar_protocol::{Envd, PublicState, RunRequest, Secret};
use serde_json::{Value, json};

use crate::service::{KEY, Reply, Service};

const HEADER: &str = "a-header-of-the-callers";

fn client(service: &Service) -> Client {
    let options = json!({"baseUrl": service.url(), "apiKey": KEY, "headers": {"x-secret": HEADER}});
    let config = Config::new(&ClientOptions::from_json(&options).unwrap(), &Environment::default()).unwrap();
    Client::new(config)
}

fn envd(runtime: &Service, token: &str) -> Envd {
    Envd { envd_url: Some(format!("{}/envd/sb-1/", runtime.url())), envd_access_token: Some(Secret::new(token)) }
}

fn detail(state: &str, runtime: Option<&Service>, token: &str) -> Reply {
    let url = runtime.map(|runtime| format!("{}/envd/sb-1", runtime.url()));
    let token = runtime.map(|_| token);
    Reply::json(200, &json!({"sandboxID": "sb-1", "state": state, "envdUrl": url, "envdAccessToken": token}))
}

fn done() -> Reply {
    Reply::json(200, &json!({"stdout": "hi\n", "stderr": "", "exit_code": 0, "duration_ms": 1}))
}

fn refused() -> Reply {
    Reply::json(401, &json!({"code": "unauthenticated", "message": "the access token is wrong"}))
}

fn command() -> RunRequest {
    RunRequest { cmd: "echo hi".to_owned(), ..RunRequest::default() }
}

async fn run(runtime: &Runtime) -> Result<String, ClientError> {
    Ok(runtime.run(&command(), &CallOptions::default()).await?.value.stdout)
}

#[tokio::test]
async fn the_runtime_gets_its_token_and_neither_the_key_nor_the_callers_headers() {
    let (service, inside) = (Service::start(vec![]).await, Service::start(vec![done()]).await);
    let runtime = client(&service).runtime("sb-1", Some(envd(&inside, "tok-1"))).unwrap();
    assert_eq!(run(&runtime).await.unwrap(), "hi\n");
    let seen = inside.only();
    assert_eq!(seen.line(), "POST /envd/sb-1/run");
    assert_eq!(seen.header("x-access-token"), "tok-1");
    let headers = format!("{:?}", seen.headers);
    assert!(!headers.contains(KEY) && !headers.contains(HEADER), "{headers}");
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn a_token_that_is_refused_is_looked_up_once_and_the_call_repeated() {
    let inside = Service::start(vec![refused(), done()]).await;
    let service = Service::start(vec![detail("running", Some(&inside), "tok-2")]).await;
    let runtime = client(&service).runtime("sb-1", Some(envd(&inside, "tok-1"))).unwrap();
    assert_eq!(run(&runtime).await.unwrap(), "hi\n");
    assert_eq!(run(&runtime).await.unwrap(), "hi\n");
    let tokens: Vec<_> = inside.seen().iter().map(|seen| seen.header("x-access-token").to_owned()).collect();
    assert_eq!(tokens, ["tok-1", "tok-2", "tok-2"]);
    assert_eq!(service.only().line(), "GET /api/v1/sandboxes/sb-1");
}

#[tokio::test]
async fn a_token_that_the_detail_still_shows_is_refused_for_good() {
    let inside = Service::start(vec![refused()]).await;
    let service = Service::start(vec![detail("running", Some(&inside), "tok-1")]).await;
    let runtime = client(&service).runtime("sb-1", Some(envd(&inside, "tok-1"))).unwrap();
    let error = run(&runtime).await.unwrap_err();
    assert_eq!(ErrorRecord::from(&error).name, "AuthenticationError");
    assert_eq!(error.to_string(), "the access token is wrong");
    assert_eq!((inside.seen().len(), service.seen().len()), (1, 1));
}

#[tokio::test]
async fn a_runtime_that_nobody_said_the_place_of_is_looked_up() {
    let inside = Service::start(vec![done()]).await;
    let service = Service::start(vec![detail("running", Some(&inside), "tok-1")]).await;
    let runtime = client(&service).runtime("sb-1", None).unwrap();
    assert_eq!(run(&runtime).await.unwrap(), "hi\n");
    assert_eq!(inside.only().header("x-access-token"), "tok-1");
}

#[tokio::test]
async fn a_sandbox_that_does_not_run_is_told_as_such() {
    for (state, expected, advice) in [
        ("paused", PublicState::Paused, "connect() resumes it"),
        ("deleted", PublicState::Deleted, "create a new one"),
        ("starting", PublicState::Starting, "waitReady() waits for it"),
        ("failed", PublicState::Failed, "read its logs"),
    ] {
        let service = Service::start(vec![detail(state, None, "")]).await;
        let runtime = client(&service).runtime("sb-1", None).unwrap();
        let error = run(&runtime).await.unwrap_err();
        assert!(error.to_string().contains(advice), "{error}");
        let ClientError::NotRunning(error) = error else { panic!("{error}") };
        assert_eq!((error.sandbox_id.as_str(), error.state), ("sb-1", Some(expected)));
    }
}

#[tokio::test]
async fn a_command_whose_answer_was_lost_is_not_run_twice() {
    let inside =
        Service::start(vec![Reply::json(502, &json!({"code": "unavailable", "message": "lost"})), done()]).await;
    let service = Service::start(vec![]).await;
    let runtime = client(&service).runtime("sb-1", Some(envd(&inside, "tok-1"))).unwrap();
    let error = run(&runtime).await.unwrap_err();
    assert_eq!(ErrorRecord::from(&error).name, "ServerError");
    assert_eq!(inside.seen().len(), 1);
}

#[tokio::test]
async fn a_command_that_was_turned_away_is_run_again() {
    let busy = Reply::empty(503).with("retry-after", "0");
    let inside = Service::start(vec![busy, done()]).await;
    let service = Service::start(vec![]).await;
    let runtime = client(&service).runtime("sb-1", Some(envd(&inside, "tok-1"))).unwrap();
    assert_eq!(run(&runtime).await.unwrap(), "hi\n");
    assert_eq!(inside.seen().len(), 2);
}

#[tokio::test]
async fn a_full_disk_is_an_error_of_its_own_and_not_tried_again() {
    let full = Reply::json(507, &json!({"code": "resource_exhausted", "message": "the sandbox's disk is full"}));
    let inside = Service::start(vec![full]).await;
    let service = Service::start(vec![]).await;
    let runtime = client(&service).runtime("sb-1", Some(envd(&inside, "tok-1"))).unwrap();
    let record = ErrorRecord::from(&run(&runtime).await.unwrap_err());
    assert_eq!((record.name, record.kind, record.retryable), ("DiskFullError", "disk_full", false));
    assert_eq!(record.code.as_deref(), Some("resource_exhausted"));
    assert_eq!(inside.seen().len(), 1);
}

#[tokio::test]
async fn a_command_may_take_longer_than_requests_do_unless_its_call_says_otherwise() {
    let inside = Service::start(vec![done().after(Duration::from_millis(300))]).await;
    let service = Service::start(vec![]).await;
    let options = json!({"baseUrl": service.url(), "apiKey": KEY, "requestTimeoutMs": 50});
    let config = Config::new(&ClientOptions::from_json(&options).unwrap(), &Environment::default()).unwrap();
    let runtime = Client::new(config).runtime("sb-1", Some(envd(&inside, "tok-1"))).unwrap();
    assert_eq!(run(&runtime).await.unwrap(), "hi\n");
    let call = CallOptions { request_timeout: Some(Duration::from_millis(50)), ..CallOptions::default() };
    let error = runtime.run(&command(), &call).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { .. }), "{error}");
}

#[tokio::test]
async fn a_token_shows_in_no_error() {
    let echo = Reply::json(500, &json!({"code": "internal", "message": "tok-secret was refused"}));
    let (service, inside) = (Service::start(vec![]).await, Service::start(vec![echo]).await);
    let runtime = client(&service).runtime("sb-1", Some(envd(&inside, "tok-secret"))).unwrap();
    let call = CallOptions::once();
    let error = runtime.run(&command(), &call).await.unwrap_err();
    let record = ErrorRecord::from(&error).to_json();
    assert!(!record.contains("tok-secret") && !format!("{error:?}{runtime:?}").contains("tok-secret"), "{record}");
}

#[test]
fn wrong_arguments_of_a_command_are_named() {
    for (args, field) in [
        (json!({"options": {}}), "cmd"),
        (json!({"cmd": 7}), "cmd"),
        (json!({"cmd": " "}), "cmd"),
        (json!({"cmd": "ls", "options": {"args": "-l"}}), "args"),
        (json!({"cmd": "ls", "options": {"args": ["-l", 7]}}), "args[1]"),
        (json!({"cmd": "ls", "options": {"envs": {"A": 1}}}), "envs.A"),
        (json!({"cmd": "ls", "options": {"envs": {"A=B": "1"}}}), "envs.A=B"),
        (json!({"cmd": "ls", "options": {"envs": {"A": "1\0"}}}), "envs.A"),
        (json!({"cmd": "ls\0"}), "cmd"),
        (json!({"cmd": "ls", "options": {"timeoutMs": 0}}), "timeoutMs"),
        (json!({"cmd": "ls", "options": {"cwd": false}}), "cwd"),
        (json!({"cmd": "ls", "options": {"timeout": 3}}), "timeout"),
    ] {
        let args: Value = args;
        let error = sandbar_client::Args::parse(&args.to_string()).unwrap().run().unwrap_err();
        assert_eq!(error.field, field, "{error}");
    }
}
