//! What is sent again, and what is not.

use std::time::Duration;

use sandbar_client::{CallOptions, ClientError, ClientOptions, ErrorRecord, Wait};
use sandbar_protocol::{ConnectOptions, CreateOptions, TimeoutOptions};
use serde_json::json;
use tokio::time::Instant;

use crate::service::{Reply, Service, client_of};

const CALL: CallOptions = CallOptions::new();

fn sandbox() -> Reply {
    Reply::json(200, &json!({"sandboxID": "sb-1", "state": "running"}))
}

fn lines(service: &Service) -> Vec<String> {
    service.seen().iter().map(super::service::Seen::line).collect()
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let service = Service::start(vec![Reply::empty(status), Reply::empty(status), sandbox()]).await;
        let answer = service.client().get("sb-1", CALL).await.unwrap();
        assert_eq!((answer.status, service.seen().len()), (200, 3), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_is_sent_once() {
    for status in [302, 400, 401, 403, 404, 409, 422, 501] {
        let service = Service::start(vec![Reply::empty(status)]).await;
        let error = service.client().get("sb-1", CALL).await.unwrap_err();
        assert_eq!((error.call().unwrap().attempts, service.seen().len()), (1, 1), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_used_up_quota_is_waited_for_only_if_the_service_says_how_long() {
    let full = Reply::json(429, &json!({"code": 429, "message": "full", "details": {"reason": "usage_limit"}}));
    let service = Service::start(vec![full.clone()]).await;
    service.client().get("sb-1", CALL).await.unwrap_err();
    assert_eq!(service.seen().len(), 1);
    let service = Service::start(vec![full.with("retry-after", "3"), sandbox()]).await;
    assert!(service.client().get("sb-1", CALL).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_error_says_how_often_it_was_tried() {
    let service = Service::start(vec![Reply::empty(503)]).await;
    let error = service.client().pause("sb-1", CALL).await.unwrap_err();
    assert_eq!(ErrorRecord::from(&error).attempts, 4);
    assert_eq!(
        error.to_string(),
        "the service failed at POST /api/v1/sandboxes/sb-1/pause (503): try again later (tried 4 times)"
    );
    for (max_retries, sent) in [(0, 1), (1, 2)] {
        let service = Service::start(vec![Reply::empty(503)]).await;
        let call = CallOptions { max_retries: Some(max_retries), ..CALL };
        service.client().pause("sb-1", call).await.unwrap_err();
        assert_eq!(service.seen().len(), sent);
    }
    let service = Service::start(vec![Reply::empty(503)]).await;
    let options = ClientOptions { max_retries: Some(0), ..ClientOptions::default() };
    client_of(&options, &service.url()).pause("sb-1", CALL).await.unwrap_err();
    assert_eq!(service.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_service_says_when_to_come_back_in_seconds_or_as_a_date() {
    let date = Reply::empty(503).with("date", "Wed, 25 Nov 2026 10:00:00 GMT");
    let date = date.with("retry-after", "Wed, 25 Nov 2026 10:00:07 GMT");
    for busy in [Reply::empty(503).with("retry-after", "7"), date] {
        let service = Service::start(vec![busy, sandbox()]).await;
        let begun = Instant::now();
        service.client().get("sb-1", CALL).await.unwrap();
        let took = begun.elapsed().as_secs_f64();
        assert!((7.0..8.0).contains(&took), "{took}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_beyond_the_calls_deadline() {
    let service = Service::start(vec![Reply::empty(503).with("retry-after", "61")]).await;
    let begun = Instant::now();
    let error = service.client().get("sb-1", CALL).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(1), "it is told at once");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(61)));
    let service = Service::start(vec![Reply::empty(500), Reply::Never]).await;
    let begun = Instant::now();
    let error = service.client().get("sb-1", CALL).await.unwrap_err();
    let ClientError::RequestTimeout { causes, .. } = &error else { panic!("{error:?}") };
    assert_eq!(begun.elapsed().as_secs(), 60);
    assert!(causes[0].contains("(500)"), "the attempt before is the cause: {causes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sick_service_is_not_hammered() {
    let service = Service::start(vec![Reply::empty(503)]).await;
    let client = service.client();
    for _ in 0..200 {
        client.get("sb-1", CALL).await.unwrap_err();
    }
    assert_eq!(service.seen().len(), 300, "a hundred repeats for all of the client's calls");
}

#[tokio::test(start_paused = true)]
async fn every_attempt_has_a_name_of_its_own() {
    let service = Service::start(vec![Reply::empty(503), sandbox()]).await;
    service.client().get("sb-1", CALL).await.unwrap();
    let [first, second] = &service.seen()[..] else { panic!() };
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test(start_paused = true)]
async fn a_body_is_sent_again_as_it_was() {
    let service = Service::start(vec![Reply::empty(500), Reply::empty(204)]).await;
    service.client().set_timeout("sb-1", &TimeoutOptions { timeout: 7 }, CALL).await.unwrap();
    let [first, second] = &service.seen()[..] else { panic!() };
    assert_eq!((first.json(), second.json()), (json!({"timeout": 7}), json!({"timeout": 7})));
}

#[tokio::test(start_paused = true)]
async fn a_create_is_repeated_under_its_key_where_keys_are_kept() {
    for lost in [Reply::empty(500), Reply::empty(504), Reply::text(200, "text/html", "<html>")] {
        let service = Service::start(vec![lost.keeping_keys(), sandbox().keeping_keys()]).await;
        service.client().create(&CreateOptions::default(), CALL).await.unwrap();
        let [first, second] = &service.seen()[..] else { panic!("{:?}", service.seen()) };
        assert_eq!(first.header("idempotency-key").len(), 36);
        assert_eq!(first.header("idempotency-key"), second.header("idempotency-key"));
        assert_eq!(first.body, second.body);
    }
}

#[tokio::test(start_paused = true)]
async fn whether_keys_are_kept_is_asked_where_nobody_knows() {
    let list = || Reply::json(200, &json!([]));
    let service = Service::start(vec![Reply::empty(502), list().keeping_keys(), sandbox().keeping_keys()]).await;
    service.client().create(&CreateOptions::default(), CALL).await.unwrap();
    let create = "POST /api/v1/sandboxes";
    assert_eq!(lines(&service), [create, "GET /api/v1/sandboxes?limit=1", create]);
    let service = Service::start(vec![Reply::empty(502), list()]).await;
    let client = service.client();
    let error = client.create(&CreateOptions::default(), CALL).await.unwrap_err();
    let call = error.call().unwrap();
    assert!(call.outcome_unknown, "{error:?}");
    let key = call.idempotency_key.clone().unwrap();
    assert!(
        error.to_string().ends_with(&format!(
            "whether it took effect is not known: `idempotencyKey` {key} repeats the very same call"
        ))
    );
    client.settled().await;
    assert_eq!(lines(&service), [create, "GET /api/v1/sandboxes?limit=1"]);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_refused_is_safe_to_repeat() {
    for refused in [Reply::empty(425), Reply::empty(429), Reply::empty(503)] {
        let service = Service::start(vec![refused, sandbox()]).await;
        service.client().create(&CreateOptions::default(), CALL).await.unwrap();
        assert_eq!(lines(&service), ["POST /api/v1/sandboxes", "POST /api/v1/sandboxes"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_has_a_key_as_well() {
    let service = Service::start(vec![Reply::empty(500).keeping_keys(), sandbox().keeping_keys()]).await;
    let call = CallOptions { idempotency_key: Some("order-7".to_owned()), ..CALL };
    service.client().connect("sb-1", &ConnectOptions::default(), Wait::No, call).await.unwrap();
    assert!(service.seen().iter().all(|seen| seen.header("idempotency-key") == "order-7"), "{:?}", service.seen());
    assert_eq!(service.seen().len(), 2);
    let call = CallOptions { idempotency_key: Some("two words".to_owned()), ..CALL };
    let error = service.client().connect("sb-1", &ConnectOptions::default(), Wait::No, call).await.unwrap_err();
    assert!(matches!(error, ClientError::Validation(_)), "{error:?}");
}

#[tokio::test]
async fn a_timeout_without_end_is_none() {
    let service = Service::start(vec![sandbox()]).await;
    let call = CallOptions { request_timeout: Some(Duration::MAX), ready_timeout: Some(Duration::MAX), ..CALL };
    service.client().get("sb-1", call.clone()).await.unwrap();
    service.client().wait_ready("sb-1", call).await.unwrap();
}
