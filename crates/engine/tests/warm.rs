//! Warm runtimes: claimed by creates, refilled beside them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures_util::future::join_all;
use sandbar_engine::driver::RuntimeNotice;
use sandbar_engine::service::{Service, ServiceParts};
use sandbar_engine::templates::Templates;
use sandbar_engine::{Settings, SystemClock};
use sandbar_protocol::Diagnostic;
use serde_json::{Value, json};
use support::memory_store::{MemoryStore, NoLogs};
use support::{FakeDriver, KEY, TestEngine};

async fn engine(size: usize) -> TestEngine {
    let warm = BTreeMap::from([("base".to_owned(), size)]);
    TestEngine::start_with(tempfile::tempdir().unwrap(), |settings| settings.warm = warm).await
}

fn warm(engine: &TestEngine) -> HashSet<String> {
    engine.driver.warm.lock().unwrap().clone()
}

async fn until(condition: impl Fn() -> bool) {
    let held = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), held).await.expect("it never came to that");
}

async fn create(engine: &TestEngine, options: Value) -> Value {
    engine.post("/sandboxes", options).await.json
}

#[tokio::test]
async fn a_create_claims_a_warm_runtime_with_its_own_environment_and_another_one_follows() {
    let engine = engine(2).await;
    until(|| warm(&engine).len() == 2).await;
    let before = warm(&engine);
    let sandbox = create(&engine, json!({"waitReady": true, "envVars": {"A": "mine"}, "metadata": {"m": "1"}})).await;
    let id = sandbox["sandboxID"].as_str().unwrap();
    assert!(before.contains(id), "its ID was the runtime's all along");
    assert_eq!(sandbox["timeline"][1]["message"], "claimed a warm runtime");
    assert_eq!(engine.driver.running.lock().unwrap()[id].env_vars["A"].expose(), "mine");
    assert_eq!(engine.get(&format!("/sandboxes/{id}")).await.json["metadata"], json!({"m": "1"}));
    until(|| warm(&engine).len() == 2).await;
    assert!(!warm(&engine).contains(id));
}

#[tokio::test]
async fn unclaimed_runtimes_are_no_sandboxes() {
    let engine = engine(3).await;
    until(|| warm(&engine).len() == 3).await;
    assert_eq!(engine.get("/sandboxes").await.json, json!([]));
    assert_eq!(engine.get("/usage/limits").await.json["user"]["usage"]["sandboxes"], 0.0);
    let id = warm(&engine).into_iter().next().unwrap();
    assert_eq!(engine.get(&format!("/sandboxes/{id}")).await.status, 404);
    assert_eq!(engine.call("DELETE", &format!("/sandboxes/{id}"), Value::Null).await.status, 404);
}

#[tokio::test]
async fn many_creates_at_once_claim_what_is_there_and_start_the_rest_cold() {
    let engine = engine(3).await;
    until(|| warm(&engine).len() == 3).await;
    let created = join_all((0..10).map(|_| create(&engine, json!({"waitReady": true})))).await;
    let ids: HashSet<&str> = created.iter().map(|sandbox| sandbox["sandboxID"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 10);
    assert!(created.iter().all(|sandbox| sandbox["state"] == "running"));
    assert!(created.iter().filter(|one| one["timeline"][1]["message"] == "claimed a warm runtime").count() >= 3);
}

#[tokio::test]
async fn other_templates_have_no_part_in_a_pool() {
    let engine = engine(1).await;
    until(|| warm(&engine).len() == 1).await;
    let folder = engine.folder.path().join("templates");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("tpl-other.toml"), "").unwrap();
    let sandbox = create(&engine, json!({"templateID": "tpl-other", "waitReady": true})).await;
    assert_eq!(sandbox["timeline"][1]["message"], "cold start");
    assert_eq!(warm(&engine).len(), 1);
}

#[tokio::test]
async fn a_repeated_create_gives_its_claim_back() {
    let engine = engine(1).await;
    until(|| warm(&engine).len() == 1).await;
    let create = || async {
        let request = Request::post("/api/v1/sandboxes").header("x-api-key", KEY).header("idempotency-key", "k1");
        engine.send(request.body(Body::from(r#"{"waitReady":true}"#)).unwrap()).await
    };
    let first = create().await.text("sandboxID").to_owned();
    until(|| warm(&engine).len() == 1).await;
    let unclaimed = warm(&engine);
    assert_eq!(create().await.text("sandboxID"), first);
    assert!(warm(&engine).is_superset(&unclaimed));
    let next = engine.running(json!({})).await;
    assert!(unclaimed.contains(&next), "it is there for the next one");
}

#[tokio::test(start_paused = true)]
async fn attempts_that_fail_wait_longer_each_time_and_leave_nothing() {
    let driver = Arc::new(FakeDriver::default());
    *driver.warm_failure.lock().unwrap() = Some(Diagnostic::new("disk_error", "no space"));
    let mut settings = Settings::default();
    settings.warm = BTreeMap::from([("base".to_owned(), 2)]);
    let (store, templates) = (Arc::new(MemoryStore::default()), Templates::in_data_dir("/nonexistent".as_ref()));
    let (logs, clock) = (Arc::new(NoLogs), Arc::new(SystemClock));
    let service =
        Service::start(ServiceParts { store, logs, driver: driver.clone(), clock, templates }, settings).await.unwrap();
    let begun = tokio::time::Instant::now();
    let mut attempts = Vec::new();
    while attempts.len() < 6 {
        let count = usize::try_from(driver.warmed.load(Ordering::Relaxed)).unwrap();
        attempts.resize(count, begun.elapsed().as_secs());
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    assert_eq!(attempts, [0, 1, 3, 7, 15, 31]);
    assert!(driver.files.lock().unwrap().is_empty());
    *driver.warm_failure.lock().unwrap() = None;
    while driver.warm.lock().unwrap().len() < 2 {
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    service.shut_down().await;
}

#[tokio::test]
async fn a_shutdown_leaves_no_unclaimed_runtime_and_no_file_of_one() {
    let engine = engine(2).await;
    until(|| warm(&engine).len() == 2).await;
    engine.service.shut_down().await;
    assert_eq!((warm(&engine).len(), engine.driver.files.lock().unwrap().len()), (0, 0));
}

#[tokio::test]
async fn pool_refills_beside_a_slow_start() {
    let engine = engine(1).await;
    until(|| warm(&engine).len() == 1).await;
    // Its start hangs, as one with a slow start command does.
    engine.driver.starts.forget_permits(1000);
    let first = create(&engine, json!({})).await;
    until(|| !warm(&engine).contains(first["sandboxID"].as_str().unwrap()) || warm(&engine).len() == 2).await;
    until(|| warm(&engine).iter().any(|id| *id != first["sandboxID"])).await;
}

#[tokio::test]
async fn pool_replaces_a_warm_runtime_that_ended() {
    let engine = engine(1).await;
    until(|| warm(&engine).len() == 1).await;
    let ended = warm(&engine).into_iter().next().unwrap();
    let notices = engine.driver.notices.lock().unwrap().clone().unwrap();
    let (sandbox_id, status) = (ended.clone(), "signal: 9".to_owned());
    notices.send(RuntimeNotice::Exited { sandbox_id, generation: 0, status, cause: None }).await.unwrap();
    until(|| !warm(&engine).contains(&ended) && warm(&engine).len() == 1).await;
    assert!(!engine.driver.files.lock().unwrap().contains(&ended), "its files are removed");
    let next = create(&engine, json!({"waitReady": true})).await;
    assert_eq!(next["timeline"][1]["message"], "claimed a warm runtime");
}

#[tokio::test(start_paused = true)]
async fn warm_runtimes_end_when_their_template_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let definition = folder.path().join("templates/tpl-web.toml");
    std::fs::create_dir_all(definition.parent().unwrap()).unwrap();
    std::fs::write(&definition, "").unwrap();
    let driver = Arc::new(FakeDriver::default());
    let mut settings = Settings::default();
    settings.warm = BTreeMap::from([("tpl-web".to_owned(), 2), ("base".to_owned(), 1)]);
    let (store, templates) = (Arc::new(MemoryStore::default()), Templates::in_data_dir(folder.path()));
    let (logs, clock) = (Arc::new(NoLogs), Arc::new(SystemClock));
    let service =
        Service::start(ServiceParts { store, logs, driver: driver.clone(), clock, templates }, settings).await.unwrap();
    let warm = || driver.warm.lock().unwrap().len();
    let becomes = async |count: usize| {
        while warm() != count {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), becomes(3)).await.expect("two pools are filled");
    std::fs::remove_file(&definition).unwrap();
    tokio::time::timeout(Duration::from_secs(60), becomes(1)).await.expect("one pool is left");
    assert_eq!(driver.files.lock().unwrap().len(), 1);
    service.shut_down().await;
}
