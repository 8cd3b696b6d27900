//! What becomes of the sandbox of a create that fails or is given up.

use std::time::Duration;

use futures_util::FutureExt;
use hyper::Version;
use sandbar_client::{CallOptions, Client, ClientError, ClientOptions, OnFailure};
use sandbar_protocol::CreateOptions;
use serde_json::json;

use crate::service::{Reply, Service, client_of};
use crate::tls::authority;

const CALL: CallOptions = CallOptions::new();
const CREATE: &str = "POST /api/v1/sandboxes";
const LOOK: &str = "GET /api/v1/sandboxes/sb-1";
const DELETE: &str = "DELETE /api/v1/sandboxes/sb-1";

fn in_state(state: &str) -> Reply {
    Reply::json(200, &json!({"sandboxID": "sb-1", "state": state}))
}

fn waiting() -> CreateOptions {
    CreateOptions { wait_ready: true, ..CreateOptions::default() }
}

fn keeping() -> CallOptions {
    CallOptions { on_failure: OnFailure::Keep, ..CALL }
}

fn lines(service: &Service) -> Vec<String> {
    service.seen().iter().map(super::service::Seen::line).collect()
}

/// Whether it was deleted, as the error says.
async fn deleted(client: &Client, options: &CreateOptions, call: CallOptions) -> Option<bool> {
    match client.create(options, call).await.unwrap_err() {
        ClientError::NotReady(error) => error.deleted,
        other => panic!("{other:?}"),
    }
}

/// Begins a create, and drops it once the service has seen it.
async fn abort(service: &Service, options: &CreateOptions, call: CallOptions) -> Client {
    let client = service.client();
    let mut create = Box::pin(client.create(options, call));
    while service.seen().is_empty() {
        assert!(create.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(create);
    client
}

#[tokio::test(start_paused = true)]
async fn what_does_not_become_ready_is_deleted() {
    let service = Service::start(vec![in_state("starting"), in_state("failed"), Reply::empty(204)]).await;
    assert_eq!(deleted(&service.client(), &waiting(), CALL).await, Some(true));
    assert_eq!(lines(&service), [CREATE, LOOK, DELETE]);
    let service = Service::start(vec![in_state("failed"), Reply::gone()]).await;
    assert_eq!(deleted(&service.client(), &CreateOptions::default(), CALL).await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn it_is_kept_if_the_caller_says_so() {
    let service = Service::start(vec![in_state("starting"), in_state("failed")]).await;
    let client = service.client();
    assert_eq!(deleted(&client, &waiting(), keeping()).await, None);
    client.settled().await;
    assert_eq!(lines(&service), [CREATE, LOOK]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_fails_is_told_and_goes_on() {
    let mut script = vec![in_state("failed")];
    script.extend(vec![Reply::empty(503).with("retry-after", "2"); 10]);
    script.push(Reply::empty(204));
    let service = Service::start(script).await;
    let client = service.client();
    let error = client.create(&CreateOptions::default(), CALL).await.unwrap_err();
    assert!(error.to_string().ends_with("; it is being deleted in the background"), "{error}");
    client.settled().await;
    assert_eq!(lines(&service).iter().filter(|line| *line == DELETE).count(), 11);
}

#[tokio::test(start_paused = true)]
async fn an_aborted_create_leaves_nothing() {
    let service = Service::start(vec![in_state("running").after(Duration::from_secs(5)), Reply::empty(204)]).await;
    abort(&service, &CreateOptions::default(), CALL).await.settled().await;
    assert_eq!(lines(&service), [CREATE, DELETE]);
    let service = Service::start(vec![in_state("running").after(Duration::from_secs(5))]).await;
    abort(&service, &CreateOptions::default(), keeping()).await.settled().await;
    assert_eq!(lines(&service), [CREATE]);
}

#[tokio::test(start_paused = true)]
async fn an_abort_ends_the_wait_for_readiness() {
    let mut script = vec![in_state("starting"); 4];
    script.push(Reply::empty(204));
    let service = Service::start(script).await;
    let client = service.client();
    let create = tokio::spawn({
        let client = client.clone();
        async move { client.create(&waiting(), CALL).await }
    });
    while service.seen().len() < 4 {
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    create.abort();
    client.settled().await;
    assert_eq!(lines(&service), [CREATE, LOOK, LOOK, LOOK, DELETE]);
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_time_is_up_is_resolved_and_deleted_where_keys_are_kept() {
    let list = Reply::json(200, &json!([])).keeping_keys();
    let script = vec![Reply::Never, list, Reply::empty(503), in_state("running").keeping_keys(), Reply::empty(204)];
    let service = Service::start(script).await;
    let client = service.client();
    let error = client.create(&CreateOptions::default(), CALL).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { .. }), "{error:?}");
    assert!(error.call().unwrap().outcome_unknown);
    client.settled().await;
    assert_eq!(lines(&service), [CREATE, "GET /api/v1/sandboxes?limit=1", CREATE, CREATE, DELETE]);
    let keys: Vec<_> = service
        .seen()
        .iter()
        .filter(|seen| seen.method == "POST")
        .map(|seen| seen.header("idempotency-key").to_owned())
        .collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_too_busy_to_say_whether_it_keeps_keys_is_asked_again() {
    let list = Reply::json(200, &json!([])).keeping_keys();
    let busy = Reply::empty(503).with("retry-after", "600");
    let script = vec![Reply::Never, busy, list, in_state("running").keeping_keys(), Reply::empty(204)];
    let service = Service::start(script).await;
    let client = service.client();
    client.create(&CreateOptions::default(), CALL).await.unwrap_err();
    client.settled().await;
    let look = "GET /api/v1/sandboxes?limit=1";
    assert_eq!(lines(&service), [CREATE, look, look, CREATE, DELETE]);
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_is_not_left_to_the_service() {
    let script = vec![in_state("starting"), in_state("running")];
    let service = Service::start(script.clone()).await;
    let call = CallOptions { ready_timeout: Some(Duration::from_secs(30)), ..CALL };
    service.client().create(&waiting(), call).await.unwrap();
    assert_eq!(service.seen()[0].json()["waitReady"], json!(null));
    let service = Service::start(script).await;
    service.client().create(&waiting(), CALL).await.unwrap();
    assert_eq!(service.seen()[0].json()["waitReady"], json!(true));
}

fn under_a_key() -> CallOptions {
    CallOptions { idempotency_key: Some("order-7".to_owned()), ..CALL }
}

fn replay(reply: Reply) -> Reply {
    reply.keeping_keys().with("Idempotency-Replayed", "true")
}

#[tokio::test(start_paused = true)]
async fn replay_that_is_not_usable_is_left_alone_and_the_error_says_so() {
    let cases = [
        ("paused", "sandbox sb-1 is paused, so it will not become ready: connect() resumes it"),
        ("failed", "delete() it to use the key again"),
    ];
    for (state, way_out) in cases {
        let service = Service::start(vec![replay(in_state(state))]).await;
        let client = service.client();
        let error = client.create(&waiting(), under_a_key()).await.unwrap_err();
        client.settled().await;
        assert_eq!(lines(&service), [CREATE], "{error}");
        let text = error.to_string();
        assert!(text.contains(way_out) && text.contains("was left alone") && !text.contains("was deleted"), "{text}");
        let ClientError::NotReady(error) = error else { panic!("{error:?}") };
        assert_eq!((error.deleted, error.replayed), (Some(false), true));
        assert_eq!(error.state.unwrap().as_str(), state);
    }
}

#[tokio::test(start_paused = true)]
async fn replay_is_left_alone_when_it_does_not_become_ready_in_time() {
    let service = Service::start(vec![replay(in_state("starting")), in_state("starting")]).await;
    let client = service.client();
    assert_eq!(deleted(&client, &waiting(), under_a_key()).await, Some(false));
    client.settled().await;
    assert!(!lines(&service).contains(&DELETE.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn replay_is_left_alone_when_its_create_is_aborted() {
    let late = replay(in_state("running")).after(Duration::from_secs(5));
    let service = Service::start(vec![late]).await;
    abort(&service, &waiting(), under_a_key()).await.settled().await;
    assert_eq!(lines(&service), [CREATE]);
    let service = Service::start(vec![replay(in_state("starting")), in_state("starting")]).await;
    let client = service.client();
    let create = tokio::spawn({
        let client = client.clone();
        async move { client.create(&waiting(), under_a_key()).await }
    });
    while service.seen().len() < 4 {
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    create.abort();
    client.settled().await;
    assert!(!lines(&service).contains(&DELETE.to_owned()), "{:?}", lines(&service));
}

#[tokio::test(start_paused = true)]
async fn replay_is_told_apart_from_what_the_call_made() {
    for (reply, call, replayed) in [
        (replay(in_state("running")), under_a_key(), true),
        (in_state("running").keeping_keys(), under_a_key(), false),
        (in_state("running").with("Idempotency-Replayed", "false"), under_a_key(), false),
        // Nobody else knows the key: the answer of its first request was lost.
        (replay(in_state("running")), CALL, false),
    ] {
        let service = Service::start(vec![reply]).await;
        assert_eq!(service.client().create(&waiting(), call).await.unwrap().replayed, replayed);
    }
}

#[tokio::test(start_paused = true)]
async fn replay_under_a_key_of_the_call_itself_is_deleted_when_it_is_of_no_use() {
    let service = Service::start(vec![replay(in_state("failed")), Reply::empty(204)]).await;
    assert_eq!(deleted(&service.client(), &waiting(), CALL).await, Some(true));
    assert_eq!(lines(&service), [CREATE, DELETE]);
}

#[tokio::test(start_paused = true)]
async fn what_a_call_made_under_the_callers_key_is_deleted_when_it_is_of_no_use() {
    let service = Service::start(vec![in_state("failed").keeping_keys(), Reply::empty(204)]).await;
    assert_eq!(deleted(&service.client(), &waiting(), under_a_key()).await, Some(true));
    assert_eq!(lines(&service), [CREATE, DELETE]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_under_the_callers_key_while_the_outcome_is_unknown() {
    let list = Reply::json(200, &json!([])).keeping_keys();
    let service = Service::start(vec![Reply::Never, list, in_state("running").keeping_keys()]).await;
    let client = service.client();
    let error = client.create(&waiting(), under_a_key()).await.unwrap_err();
    assert!(error.call().unwrap().outcome_unknown, "{error}");
    client.settled().await;
    assert_eq!(lines(&service), [CREATE]);
}

#[tokio::test(start_paused = true)]
async fn error_does_not_claim_a_delete_that_another_made() {
    let service = Service::start(vec![in_state("deleted"), Reply::gone()]).await;
    let error = service.client().create(&waiting(), CALL).await.unwrap_err();
    assert!(!error.to_string().contains("keepOnFailure"), "{error}");
}

#[tokio::test]
async fn replay_is_told_apart_over_http_2() {
    let (ca, acceptor) = authority(&["h2"]);
    let service = Service::start_tls(vec![replay(in_state("running"))], acceptor).await;
    let options = ClientOptions { ca: Some(ca), ..ClientOptions::default() };
    let client = client_of(&options, &format!("https://localhost:{}", service.address.port()));
    assert!(client.create(&waiting(), under_a_key()).await.unwrap().replayed);
    assert_eq!(service.only().version, Version::HTTP_2);
}
