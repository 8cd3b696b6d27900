use std::collections::BTreeMap;

use sandbar_client::{CallOptions, MetricsBatchQuery, Wait};
use sandbar_protocol::{
    ConnectOptions, CreateOptions, HeartbeatStatus, ListQuery, LogDirection, LogLevel, LogsQuery, PublicState,
    RefreshOptions, TimeoutOptions,
};
use serde_json::{Value, json};

use crate::service::{KEY, Reply, Service};

const CALL: CallOptions = CallOptions::new();

fn running() -> Value {
    json!({"sandboxID": "sb-1", "state": "running", "status": "running", "region": "eu"})
}

#[tokio::test]
async fn create_posts_the_options_and_keeps_the_text() {
    let service = Service::start(vec![Reply::json(201, &running())]).await;
    let options = CreateOptions::from_json(&json!({"timeout": 60, "metadata": {"app": "demo"}})).unwrap();
    let answer = service.client().create(&options, CALL).await.unwrap();
    assert_eq!(answer.value.sandbox_id, "sb-1");
    assert_eq!(answer.status, 201);
    assert_eq!(answer.text, running().to_string());
    let seen = service.only();
    assert_eq!(seen.line(), "POST /api/v1/sandboxes");
    assert_eq!(seen.json(), json!({"templateID": "base", "timeout": 60, "metadata": {"app": "demo"}}));
    assert_eq!(seen.header("x-api-key"), KEY);
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.header("accept"), "application/json");
    assert_eq!(seen.header("user-agent"), "sandbar/0.1.0");
    assert_eq!(seen.header("x-project-id"), "");
    for id in [seen.header("x-request-id"), seen.header("idempotency-key")] {
        assert!(uuid::Uuid::parse_str(id).is_ok(), "{id}");
    }
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own_and_every_create_a_key_of_its_own() {
    let service = Service::start(vec![Reply::json(201, &running())]).await;
    let client = service.client();
    client.create(&CreateOptions::default(), CALL).await.unwrap();
    client.create(&CreateOptions::default(), CALL).await.unwrap();
    let seen = service.seen();
    assert_ne!(seen[0].header("x-request-id"), seen[1].header("x-request-id"));
    assert_ne!(seen[0].header("idempotency-key"), seen[1].header("idempotency-key"));
}

#[tokio::test]
async fn an_answer_carries_the_request_id_that_the_service_echoes() {
    let service = Service::start(vec![Reply::json(200, &running()).with("x-request-id", "r-7")]).await;
    assert_eq!(service.client().get("sb-1", CALL).await.unwrap().request_id, "r-7");
}

#[tokio::test]
async fn list_sends_its_filters_and_reads_the_next_page() {
    let page = Reply::json(200, &json!([running()])).with("x-next-token", "MTAw").with("x-has-next", "true");
    let service = Service::start(vec![page]).await;
    let query = ListQuery {
        metadata: BTreeMap::from([("app".into(), "prod".into()), ("te am".into(), "a&b".into())]),
        states: vec![PublicState::Running, PublicState::Paused],
        limit: Some(2),
        next_token: Some("MQ".into()),
    };
    let page = service.client().list(&query, CALL).await.unwrap();
    assert_eq!(page.sandboxes.value[0].sandbox_id, "sb-1");
    assert_eq!((page.next_token.as_deref(), page.has_next), (Some("MTAw"), true));
    let seen = service.only();
    assert_eq!(
        seen.line(),
        "GET /api/v1/sandboxes?metadata=app%3Dprod%26te%2520am%3Da%2526b&state=running&state=paused&limit=2&nextToken=MQ"
    );
    assert_eq!(seen.body, "");
    assert_eq!(seen.header("content-type"), "");
}

#[tokio::test]
async fn the_last_page_has_no_next_one() {
    let page = Reply::json(200, &json!([])).with("x-has-next", "false").with("x-next-token", "");
    let service = Service::start(vec![page]).await;
    let page = service.client().list(&ListQuery::default(), CALL).await.unwrap();
    assert_eq!((page.next_token, page.has_next), (None, false));
    assert_eq!(service.only().line(), "GET /api/v1/sandboxes");
}

#[tokio::test]
async fn connect_posts_its_timeout() {
    let service = Service::start(vec![Reply::json(200, &running())]).await;
    let options = ConnectOptions { timeout: Some(90) };
    let answer = service.client().connect("sb-1", &options, Wait::UntilReady, CALL).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(service.only().line(), "POST /api/v1/sandboxes/sb-1/connect");
    assert_eq!(service.only().json(), json!({"timeout": 90}));
}

#[tokio::test]
async fn pause_tells_whether_it_changed_anything() {
    for (previous, changed) in [("running", true), ("paused", false)] {
        let service = Service::start(vec![Reply::empty(204).with("x-sandbox-previous-state", previous)]).await;
        assert_eq!(service.client().pause("sb-1", CALL).await.unwrap(), changed, "{previous}");
        assert_eq!(service.only().line(), "POST /api/v1/sandboxes/sb-1/pause");
        assert_eq!(service.only().body, "");
    }
    let silent = Service::start(vec![Reply::empty(204)]).await;
    assert!(silent.client().pause("sb-1", CALL).await.unwrap());
}

#[tokio::test]
async fn refresh_sends_a_duration_only_if_there_is_one() {
    let service = Service::start(vec![Reply::empty(204).with("x-sandbox-end-at", "2026-01-02T03:04:05Z")]).await;
    let client = service.client();
    let end_at = client.refresh("sb-1", &RefreshOptions { duration: Some(60) }, CALL).await.unwrap();
    assert_eq!(end_at.unwrap().to_string(), "2026-01-02T03:04:05Z");
    client.refresh("sb-1", &RefreshOptions::default(), CALL).await.unwrap();
    let seen = service.seen();
    assert_eq!(seen[0].line(), "POST /api/v1/sandboxes/sb-1/refreshes");
    assert_eq!(seen[0].json(), json!({"duration": 60}));
    assert_eq!(seen[1].body, "");
}

#[tokio::test]
async fn refresh_knows_no_end_that_the_service_did_not_say() {
    let service = Service::start(vec![Reply::empty(204)]).await;
    assert_eq!(service.client().refresh("sb-1", &RefreshOptions::default(), CALL).await.unwrap(), None);
}

#[tokio::test]
async fn set_timeout_takes_the_end_from_the_service_or_estimates_it() {
    let script = vec![Reply::empty(204).with("x-sandbox-end-at", "2026-01-02T03:04:05Z"), Reply::empty(204)];
    let service = Service::start(script).await;
    let client = service.client();
    let options = TimeoutOptions { timeout: 600 };
    let said = client.set_timeout("sb-1", &options, CALL).await.unwrap().unwrap();
    assert_eq!(said.to_string(), "2026-01-02T03:04:05Z");
    let estimated = client.set_timeout("sb-1", &options, CALL).await.unwrap().unwrap();
    let ahead = estimated.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((590..=600).contains(&ahead), "{ahead}");
    assert_eq!(service.seen()[0].line(), "POST /api/v1/sandboxes/sb-1/timeout");
    assert_eq!(service.seen()[0].json(), json!({"timeout": 600}));
}

#[tokio::test]
async fn delete_of_what_is_not_there_is_done_already() {
    let script = vec![Reply::empty(204), Reply::json(404, &json!({"error": {"code": "sandbox_not_found"}}))];
    let service = Service::start(script).await;
    let client = service.client();
    assert!(client.delete("sb-1", CALL).await.unwrap());
    assert!(!client.delete("sb-1", CALL).await.unwrap());
    assert_eq!(service.seen()[0].line(), "DELETE /api/v1/sandboxes/sb-1");
}

#[tokio::test]
async fn logs_send_their_query() {
    let service = Service::start(vec![Reply::json(200, &json!({"logs": [{"message": "hello"}]}))]).await;
    let query = LogsQuery {
        cursor: Some(5),
        limit: Some(10),
        direction: Some(LogDirection::Backward),
        level: Some(LogLevel::Warn),
        search: Some("a b".into()),
    };
    let answer = service.client().logs("sb-1", &query, CALL).await.unwrap();
    assert_eq!(answer.value.logs[0].message, "hello");
    assert_eq!(
        service.only().line(),
        "GET /api/v1/sandboxes/sb-1/logs?cursor=5&limit=10&direction=backward&level=warn&search=a+b"
    );
}

#[tokio::test]
async fn the_looking_routes_have_their_paths() {
    let service = Service::start(vec![Reply::json(200, &json!({"sandboxID": "sb-1", "status": "ok"}))]).await;
    let client = service.client();
    client.get("sb-1", CALL).await.unwrap();
    client.metrics("sb-1", CALL).await.unwrap();
    let batch = MetricsBatchQuery { sandbox_ids: vec!["a".into(), "b".into()], limit: Some(3) };
    client.metrics_batch(&batch, CALL).await.unwrap();
    client.metrics_batch(&MetricsBatchQuery::default(), CALL).await.unwrap();
    assert_eq!(client.observability_summary(CALL).await.unwrap().value.status, "ok");
    client.usage_limits(CALL).await.unwrap();
    let lines: Vec<_> = service.seen().iter().map(|seen| seen.line()).collect();
    assert_eq!(
        lines,
        [
            "GET /api/v1/sandboxes/sb-1",
            "GET /api/v1/sandboxes/sb-1/metrics",
            "GET /api/v1/sandboxes/metrics?sandbox_ids=a%2Cb&limit=3",
            "GET /api/v1/sandboxes/metrics",
            "GET /api/v1/observability/summary",
            "GET /api/v1/usage/limits",
        ]
    );
}

#[tokio::test]
async fn heartbeat_says_how_the_runtime_feels() {
    let body = json!({"code": 0, "message": "ok", "data": {"received": true, "status": "healthy"}, "request_id": "r"});
    let service = Service::start(vec![Reply::json(200, &body)]).await;
    let answer = service.client().heartbeat("sb-1", HeartbeatStatus::Healthy, CALL).await.unwrap();
    assert!(answer.value.data.received);
    assert_eq!(service.only().line(), "POST /api/v1/sandboxes/sb-1/heartbeat");
    assert_eq!(service.only().json(), json!({"status": "healthy"}));
}

#[tokio::test]
async fn an_id_that_would_be_another_route_is_refused_before_anything_is_sent() {
    let service = Service::start(vec![Reply::empty(204)]).await;
    let client = service.client();
    for bad in ["", "a/../b", "a?b", "sb 1"] {
        let error = client.delete(bad, CALL).await.unwrap_err();
        assert!(error.to_string().starts_with("`sandboxID` "), "{error}");
    }
    let batch = MetricsBatchQuery { sandbox_ids: vec!["a,b".into()], limit: None };
    assert!(client.metrics_batch(&batch, CALL).await.is_err());
    assert_eq!(service.seen().len(), 0);
}
