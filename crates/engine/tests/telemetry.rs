//! What the engine counts for Prometheus.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use axum::http::StatusCode;
use sandbar_protocol::Diagnostic;
use serde_json::{Value, json};
use support::{KEY, TestEngine};

async fn metrics(engine: &TestEngine) -> String {
    let (status, text) = engine.text("/metrics", Some(KEY)).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    text
}

/// The number of a series, by its name and labels as they are written.
fn number(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn the_key_is_needed_and_prometheus_can_send_it() {
    let engine = TestEngine::start().await;
    assert_eq!(engine.text("/metrics", None).await.0, StatusCode::UNAUTHORIZED);
    assert!(metrics(&engine).await.ends_with("# EOF\n"));
}

#[tokio::test]
async fn sandboxes_are_counted_by_their_public_state() {
    let engine = TestEngine::start().await;
    engine.running(json!({})).await;
    let paused = engine.running(json!({})).await;
    engine.post(&format!("/sandboxes/{paused}/pause"), Value::Null).await;
    let text = metrics(&engine).await;
    assert_eq!(number(&text, r#"sandbar_sandboxes{state="running"}"#), 1.0);
    assert_eq!(number(&text, r#"sandbar_sandboxes{state="paused"}"#), 1.0);
    assert_eq!(number(&text, r#"sandbar_sandboxes{state="failed"}"#), 0.0);
}

#[tokio::test]
async fn starts_are_counted_by_how_they_went() {
    let engine = TestEngine::start().await;
    engine.running(json!({})).await;
    *engine.driver.failure.lock().unwrap() = Some(Diagnostic::new("start_command_failed", "boom"));
    engine.post("/sandboxes", json!({"waitReady": true})).await;
    *engine.driver.failure.lock().unwrap() = None;
    let text = metrics(&engine).await;
    assert_eq!(number(&text, r#"sandbar_start_duration_seconds_count{kind="cold"}"#), 1.0);
    assert_eq!(number(&text, r#"sandbar_start_duration_seconds_count{kind="failed"}"#), 1.0);
}

#[tokio::test]
async fn warm_runtimes_are_shown_until_they_are_claimed() {
    let engine = TestEngine::start_with(tempfile::tempdir().unwrap(), |settings| {
        settings.warm.insert("base".into(), 1);
    });
    let engine = engine.await;
    while number(&metrics(&engine).await, r#"sandbar_warm_runtimes{template="base",state="warm"}"#) < 1.0 {
        tokio::task::yield_now().await;
    }
    engine.running(json!({})).await;
    let text = metrics(&engine).await;
    assert_eq!(number(&text, r#"sandbar_start_duration_seconds_count{kind="claimed"}"#), 1.0);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    engine.get(&format!("/sandboxes/{id}")).await;
    engine.get("/sandboxes/sb-none").await;
    engine.get("/no/such/route").await;
    engine.call("BREW", "/sandboxes", Value::Null).await;
    let text = metrics(&engine).await;
    let count = |method: &str, route: &str, status: u16| {
        let labels = format!(r#"{{method="{method}",route="{route}",status="{status}"}}"#);
        number(&text, &format!("sandbar_http_request_duration_seconds_count{labels}"))
    };
    assert_eq!(count("GET", "/api/v1/sandboxes/{sandboxID}", 200), 1.0);
    assert_eq!(count("GET", "/api/v1/sandboxes/{sandboxID}", 404), 1.0);
    assert_eq!(count("GET", "none", 404), 1.0);
    assert_eq!(count("other", "/api/v1/sandboxes", 405), 1.0);
    assert!(!text.contains(&id) && !text.contains("no/such"), "{text}");
}

#[tokio::test]
async fn what_sandboxes_answer_is_counted_by_the_hundreds() {
    let engine = TestEngine::start().await;
    engine.text("/envd/sb-none/some/path", None).await;
    let labels = r#"{method="GET",route="/envd/{sandboxID}/{*path}",status="400"}"#;
    assert_eq!(number(&metrics(&engine).await, &format!("sandbar_http_request_duration_seconds_count{labels}")), 1.0);
}

#[tokio::test]
async fn limits_the_disk_and_the_process_are_shown() {
    let engine = TestEngine::start().await;
    engine.running(json!({})).await;
    let text = metrics(&engine).await;
    assert_eq!(number(&text, r#"sandbar_limit{metric="activeSandboxes"}"#), 1000.0);
    assert_eq!(number(&text, r#"sandbar_limit_used{metric="activeSandboxes"}"#), 1.0);
    for series in ["process_resident_memory_bytes", "process_open_fds", "sandbar_disk_bytes", "sandbar_uptime_seconds"]
    {
        assert!(number(&text, series) > 0.0, "{series}");
    }
}
