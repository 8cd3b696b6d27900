//! Limits on how many sandboxes there are and how fast they start.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::future::join_all;
use sandbar_engine::AdmissionLimits;
use sandbar_protocol::Diagnostic;
use serde_json::{Value, json};
use support::{Answer, KEY, TestEngine};

async fn engine(limits: AdmissionLimits) -> TestEngine {
    TestEngine::start_with(tempfile::tempdir().unwrap(), |settings| settings.limits = limits).await
}

fn none() -> AdmissionLimits {
    AdmissionLimits { held: 1_000, active: 1_000, starts_per_minute: 1_000 }
}

async fn usage(engine: &TestEngine, metric: &str) -> Value {
    engine.get("/usage/limits").await.json["user"]["limits"][metric].clone()
}

fn is_limited(answer: &Answer, metric: &str) -> bool {
    let limited = answer.status == StatusCode::TOO_MANY_REQUESTS;
    assert!(!limited || answer.json["details"]["metric"] == metric, "{}", answer.json);
    limited
}

#[tokio::test]
async fn of_two_hundred_creates_at_once_exactly_the_allowed_are_accepted() {
    let engine = engine(AdmissionLimits { held: 100, ..none() }).await;
    let answers = join_all((0..200).map(|_| engine.post("/sandboxes", json!({})))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count(), 100);
    assert_eq!(answers.iter().filter(|answer| is_limited(answer, "sandboxes")).count(), 100);
    let refused = answers.iter().find(|answer| is_limited(answer, "sandboxes")).unwrap();
    assert_eq!(refused.json["error"]["code"], "usage_limit");
    assert_eq!(
        refused.text("message"),
        "the limit of 100 for sandboxes is reached: delete sandboxes that are not needed, or raise --max-sandboxes"
    );
    let details = &refused.json["details"];
    assert_eq!((&details["reason"], &details["limit"]), (&json!("usage_limit"), &json!(100.0)));
    assert_eq!((&details["used"], &details["remaining"]), (&json!(100.0), &json!(0.0)));
    assert_eq!(refused.header("retry-after"), "", "waiting does not help");
}

#[tokio::test]
async fn a_delete_makes_room_and_a_pause_does_so_for_the_active() {
    let engine = engine(AdmissionLimits { held: 3, active: 2, ..none() }).await;
    let (one, other) = (engine.running(json!({})).await, engine.running(json!({})).await);
    assert!(is_limited(&engine.post("/sandboxes", json!({})).await, "activeSandboxes"));
    engine.post(&format!("/sandboxes/{one}/pause"), Value::Null).await;
    let third = engine.running(json!({})).await;
    assert!(is_limited(&engine.post("/sandboxes", json!({})).await, "sandboxes"), "the paused one is held");
    assert!(is_limited(&engine.post(&format!("/sandboxes/{one}/connect"), json!({})).await, "activeSandboxes"));
    assert_eq!(engine.get(&format!("/sandboxes/{one}")).await.text("state"), "paused");
    assert_eq!(engine.post(&format!("/sandboxes/{third}/connect"), json!({})).await.status, StatusCode::OK);
    engine.call("DELETE", &format!("/sandboxes/{other}"), Value::Null).await;
    assert_eq!(engine.post(&format!("/sandboxes/{one}/connect"), json!({})).await.status, StatusCode::CREATED);
    assert_eq!(usage(&engine, "sandboxes").await["used"], 2.0);
    assert_eq!(usage(&engine, "activeSandboxes").await["remaining"], 0.0);
}

#[tokio::test]
async fn starts_per_minute_counts_the_starts_of_the_last_minute() {
    let engine = engine(AdmissionLimits { starts_per_minute: 10_000, ..none() }).await;
    for _ in 0..16 {
        engine.running(json!({})).await;
    }
    assert_eq!(usage(&engine, "startsPerMinute").await["used"], 16.0);
    engine.clock.advance(Duration::from_secs(30));
    assert_eq!(usage(&engine, "startsPerMinute").await["used"], 16.0);
    engine.clock.advance(Duration::from_secs(60));
    assert_eq!(usage(&engine, "startsPerMinute").await["used"], 0.0);
}

#[tokio::test]
async fn starts_are_refused_with_the_time_of_the_next_room_when_the_minute_is_full() {
    let engine = engine(AdmissionLimits { starts_per_minute: 3, ..none() }).await;
    let id = engine.running(json!({})).await;
    engine.clock.advance(Duration::from_secs(40));
    for _ in 0..2 {
        engine.running(json!({})).await;
    }
    let refused = engine.post("/sandboxes", json!({})).await;
    assert!(is_limited(&refused, "startsPerMinute"));
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=21).contains(&wait), "the first start was 40 s ago: {wait}");
    assert!(refused.json["details"]["resetAt"].is_string());
    engine.clock.advance(Duration::from_secs(wait));
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    let resumed = engine.post(&format!("/sandboxes/{id}/connect"), json!({})).await;
    assert_eq!(resumed.status, StatusCode::CREATED);
    assert!(is_limited(&engine.post("/sandboxes", json!({})).await, "startsPerMinute"), "a resume is a start");
}

#[tokio::test]
async fn a_failed_start_gives_its_active_place_back_and_a_repeat_takes_none() {
    let engine = engine(AdmissionLimits { active: 1, ..none() }).await;
    *engine.driver.failure.lock().unwrap() = Some(Diagnostic::new("start_command_failed", "boom"));
    assert_eq!(engine.post("/sandboxes", json!({"waitReady": true})).await.text("state"), "failed");
    *engine.driver.failure.lock().unwrap() = None;
    let create = || async {
        let request = Request::post("/api/v1/sandboxes").header("x-api-key", KEY).header("idempotency-key", "k1");
        engine.send(request.body(Body::from(r#"{"waitReady":true}"#)).unwrap()).await
    };
    let first = create().await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.json);
    let repeat = create().await;
    assert_eq!(repeat.text("sandboxID"), first.text("sandboxID"), "the limit is reached, but this one is there");
    assert_eq!(usage(&engine, "activeSandboxes").await["used"], 1.0);
    assert!(is_limited(&engine.post("/sandboxes", json!({})).await, "activeSandboxes"));
}

#[tokio::test]
async fn a_restarted_engine_counts_what_it_finds() {
    let engine = engine(none()).await;
    engine.running(json!({})).await;
    let paused = engine.running(json!({})).await;
    engine.post(&format!("/sandboxes/{paused}/pause"), Value::Null).await;
    engine.service.shut_down().await;
    let engine = TestEngine::start_in(engine.folder).await;
    assert_eq!(usage(&engine, "sandboxes").await["used"], 2.0);
    assert_eq!(usage(&engine, "activeSandboxes").await["used"], 1.0);
    assert_eq!(usage(&engine, "startsPerMinute").await["used"], 0.0, "it was not asked for");
}
