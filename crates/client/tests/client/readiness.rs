use std::time::Duration;

use sandbar_client::{CallOptions, ClientError, ErrorRecord, NotReady, Wait};
use sandbar_protocol::{ConnectOptions, CreateOptions, PublicState};
use serde_json::{Value, json};

use crate::service::{Reply, Service};

const CALL: CallOptions = CallOptions::new();
fn short() -> CallOptions {
    CallOptions { ready_timeout: Some(Duration::from_millis(80)), ..CALL }
}

fn waiting() -> CreateOptions {
    CreateOptions { wait_ready: true, ..CreateOptions::default() }
}

fn in_state(state: &str) -> Value {
    json!({"sandboxID": "sb-1", "status": state, "state": state})
}

fn failed() -> Value {
    json!({
        "sandboxID": "sb-1", "state": "failed",
        "timeline": [{"phase": "created", "status": "completed"}, {"phase": "runtime_starting", "status": "failed"}],
        "diagnostic": {"reason": "start_failed", "message": "the start command exited with 1", "recommendation": "read its logs"},
    })
}

fn not_ready(error: ClientError) -> NotReady {
    match error {
        ClientError::NotReady(error) => *error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn create_waits_on_where_the_service_stopped() {
    let script = vec![
        Reply::json(201, &in_state("starting")),
        Reply::json(200, &in_state("starting")),
        Reply::json(200, &json!({"sandboxID": "sb-1", "state": "running", "cpuCount": 2})),
    ];
    let service = Service::start(script).await;
    let answer = service.client().create(&waiting(), CALL).await.unwrap();
    assert_eq!(answer.value.cpu_count, Some(2));
    let lines: Vec<_> = service.seen().iter().map(|seen| seen.line()).collect();
    assert_eq!(lines, ["POST /api/v1/sandboxes", "GET /api/v1/sandboxes/sb-1", "GET /api/v1/sandboxes/sb-1"]);
    assert_eq!(service.seen()[0].json()["waitReady"], true);
}

#[tokio::test]
async fn create_that_does_not_wait_returns_what_came() {
    let service = Service::start(vec![Reply::json(201, &in_state("starting"))]).await;
    let answer = service.client().create(&CreateOptions::default(), CALL).await.unwrap();
    assert_eq!(answer.value.state, Some(PublicState::Starting));
    assert_eq!(service.only().json(), json!({"templateID": "base"}));
}

#[tokio::test]
async fn a_failed_start_ends_the_wait_at_once() {
    let script = vec![Reply::json(201, &in_state("starting")), Reply::json(200, &failed())];
    let service = Service::start(script).await;
    let error = service.client().create(&waiting(), CALL).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "sandbox sb-1 failed to start: the start command exited with 1 (read its logs); it was deleted (`keepOnFailure` \
         keeps it)"
    );
    let record = serde_json::to_value(ErrorRecord::from(&error)).unwrap();
    assert_eq!(record["name"], "ReadinessError");
    assert_eq!(record["kind"], "not_ready");
    assert_eq!(record["sandboxId"], "sb-1");
    assert_eq!(record["state"], "failed");
    assert_eq!(record["diagnostic"]["reason"], "start_failed");
    assert_eq!(record["timeline"][1]["phase"], "runtime_starting");
    assert_eq!(service.seen().len(), 3, "create, look, delete");
}

#[tokio::test]
async fn a_create_that_answers_failed_is_the_same_error_even_without_waiting() {
    let service = Service::start(vec![Reply::json(201, &failed())]).await;
    for options in [waiting(), CreateOptions::default()] {
        let error = not_ready(service.client().create(&options, CALL).await.unwrap_err());
        assert_eq!(error.diagnostic.unwrap().reason, "start_failed");
    }
}

#[tokio::test]
async fn both_spellings_of_failed_are_failed_and_without_words_the_phase_is_named() {
    let error = json!({"sandboxID": "sb-1", "status": "error", "timeline": [{"phase": "pulling", "status": "failed"}]});
    let service = Service::start(vec![Reply::json(200, &error)]).await;
    let error = service.client().wait_ready("sb-1", CALL).await.unwrap_err();
    assert_eq!(error.to_string(), "sandbox sb-1 failed to start: its phase pulling failed");
}

#[tokio::test]
async fn what_ended_otherwise_will_not_become_ready() {
    for (state, words) in [("paused", "connect() resumes it"), ("deleted", "was deleted before it was ready")] {
        let service = Service::start(vec![Reply::json(200, &in_state(state))]).await;
        let error = service.client().wait_ready("sb-1", CALL).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(not_ready(error).state, Some(PublicState::from(state)));
    }
}

#[tokio::test]
async fn a_look_without_an_answer_does_not_outlast_the_limit() {
    let service = Service::start(vec![Reply::Never]).await;
    let error = service.client().wait_ready("sb-1", short()).await.unwrap_err();
    assert!(error.to_string().contains("(state unknown; the last look at it failed: GET "), "{error}");
    let record = ErrorRecord::from(&error);
    assert_eq!((record.name, record.kind, record.retryable), ("ReadinessError", "ready_timeout", true));
}

#[tokio::test]
async fn failures_that_may_pass_are_waited_out() {
    let script = vec![
        Reply::json(201, &in_state("starting")),
        Reply::empty(503),
        Reply::empty(429),
        Reply::json(200, &in_state("running")),
    ];
    let service = Service::start(script).await;
    assert!(service.client().create(&waiting(), CALL).await.is_ok());
    assert_eq!(service.seen().len(), 4);
}

#[tokio::test]
async fn failures_that_stay_end_the_wait() {
    let script = vec![Reply::json(201, &in_state("starting")), Reply::json(404, &json!({"message": "gone"}))];
    let service = Service::start(script).await;
    let error = service.client().create(&waiting(), CALL).await.unwrap_err();
    assert!(matches!(error, ClientError::Api(_)), "{error:?}");
}

#[tokio::test]
async fn without_a_state_the_detail_is_looked_at() {
    let script = vec![Reply::json(201, &json!({"sandboxID": "sb-1"})), Reply::json(200, &in_state("running"))];
    let service = Service::start(script).await;
    let answer = service.client().create(&waiting(), CALL).await.unwrap();
    assert_eq!(answer.value.state, Some(PublicState::Running));
}

#[tokio::test]
async fn a_state_of_a_later_version_is_usable_if_the_status_is_running() {
    let usable = json!({"sandboxID": "sb-1", "state": "gliding", "status": "running"});
    let service = Service::start(vec![Reply::json(200, &usable)]).await;
    assert!(service.client().wait_ready("sb-1", CALL).await.is_ok());
}

#[tokio::test]
async fn connect_waits_unless_told_not_to() {
    let options = ConnectOptions::default();
    let script = vec![Reply::json(201, &in_state("starting")), Reply::json(200, &in_state("running"))];
    let service = Service::start(script).await;
    let answer = service.client().connect("sb-1", &options, Wait::UntilReady, CALL).await.unwrap();
    assert_eq!(answer.value.state, Some(PublicState::Running));
    let service = Service::start(vec![Reply::json(201, &in_state("starting"))]).await;
    let answer = service.client().connect("sb-1", &options, Wait::No, CALL).await.unwrap();
    assert_eq!(answer.value.state, Some(PublicState::Starting));
    assert_eq!(service.only().body, "{}");
}

#[tokio::test]
async fn a_held_create_has_time_unless_the_call_says_otherwise() {
    let service = Service::start(vec![Reply::Never]).await;
    let call = CallOptions { request_timeout: Some(Duration::from_millis(40)), ..CALL };
    let error = service.client().create(&waiting(), call).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { limit, .. } if limit.as_millis() == 40), "{error:?}");
}
