//! How the engine says that it does: its health, and the summary with its checks and actions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::Mutex;

use axum::http::StatusCode;
use sandbar_engine::driver::LimitsLevel;
use sandbar_engine::{AdmissionLimits, DiskLimits, Settings};
use sandbar_protocol::Diagnostic;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use support::{FakeDriver, TestEngine};

fn strong() -> FakeDriver {
    let level = LimitsLevel { name: "cgroup v2".into(), cpu: true, memory: true, disk: true, processes: Some(512) };
    FakeDriver { level: Mutex::new(level), ..FakeDriver::default() }
}

/// An engine on a machine that lacks nothing.
async fn engine(change: impl FnOnce(&mut Settings)) -> TestEngine {
    let roomy = |settings: &mut Settings| {
        settings.disk = DiskLimits { low_percent: 0.0, full_percent: 0.0 };
        change(settings);
    };
    TestEngine::start_on(tempfile::tempdir().unwrap(), strong(), roomy).await
}

async fn summary(engine: &TestEngine) -> Value {
    let answer = engine.get("/observability/summary").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
    answer.json
}

async fn health(engine: &TestEngine) -> (StatusCode, Value) {
    let (status, text) = engine.text("/health", None).await;
    (status, serde_json::from_str(&text).unwrap())
}

fn check<'a>(summary: &'a Value, metric: &str) -> &'a Value {
    summary["checks"].as_array().unwrap().iter().find(|check| check["metric"] == metric).unwrap_or(&Value::Null)
}

fn action<'a>(summary: &'a Value, resource: &str) -> &'a Value {
    summary["actions"].as_array().unwrap().iter().find(|action| action["resource"] == resource).unwrap_or(&Value::Null)
}

async fn store_of(engine: &TestEngine) -> SqliteConnection {
    let file = engine.folder.path().join("engine.db");
    SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap()
}

#[tokio::test]
async fn an_engine_that_lacks_nothing_has_nothing_to_say() {
    let engine = engine(|_| {}).await;
    let summary = summary(&engine).await;
    assert_eq!((&summary["status"], &summary["checks"], &summary["actions"]), (&json!("ok"), &json!([]), &json!([])));
    for part in ["store", "runtime", "templates"] {
        assert_eq!(summary["availability"][part]["status"], "available", "{part}");
    }
    let (status, health) = health(&engine).await;
    assert_eq!((status, &health["status"]), (StatusCode::OK, &json!("ok")));
}

#[tokio::test]
async fn a_limit_that_is_near_is_a_warning_and_one_that_is_reached_degrades() {
    let limits = AdmissionLimits { held: 5, ..AdmissionLimits::default() };
    let engine = engine(|settings| settings.limits = limits).await;
    for _ in 0..4 {
        engine.running(json!({})).await;
    }
    let near = summary(&engine).await;
    let sandboxes = check(&near, "sandboxes");
    assert_eq!((&near["status"], &sandboxes["status"]), (&json!("ok"), &json!("warning")));
    let numbers = (&sandboxes["used"], &sandboxes["limit"], &sandboxes["remaining"]);
    assert_eq!(numbers, (&json!(4.0), &json!(5.0), &json!(1.0)));
    assert_eq!(action(&near, "sandboxes")["status"], "review");
    engine.running(json!({})).await;
    let reached = summary(&engine).await;
    assert_eq!(
        (&reached["status"], &check(&reached, "sandboxes")["status"]),
        (&json!("degraded"), &json!("exhausted"))
    );
    let action = action(&reached, "sandboxes");
    assert_eq!((&action["status"], &action["endpoint"]), (&json!("limit_reached"), &json!("/api/v1/usage/limits")));
    assert!(action["message"].as_str().unwrap().ends_with("raise --max-sandboxes"), "{action}");
    assert_eq!(health(&engine).await.1["status"], "degraded");
}

#[tokio::test]
async fn active_sandboxes_and_starts_are_checked_each_by_itself() {
    let limits = AdmissionLimits { active: 2, starts_per_minute: 2, ..AdmissionLimits::default() };
    let engine = engine(|settings| settings.limits = limits).await;
    for _ in 0..2 {
        engine.running(json!({})).await;
    }
    let summary = summary(&engine).await;
    assert_eq!(check(&summary, "activeSandboxes")["status"], "exhausted");
    assert_eq!(check(&summary, "startsPerMinute")["status"], "exhausted");
    assert_eq!(check(&summary, "sandboxes"), &Value::Null);
}

#[tokio::test]
async fn a_disk_with_little_room_is_a_warning_and_a_full_one_degrades() {
    let low = engine(|settings| settings.disk = DiskLimits { low_percent: 101.0, full_percent: 0.0 }).await;
    let summary_low = summary(&low).await;
    let disk = check(&summary_low, "diskMiB");
    assert_eq!((&summary_low["status"], &disk["status"]), (&json!("ok"), &json!("warning")));
    assert_eq!(disk["used"].as_f64().unwrap() + disk["remaining"].as_f64().unwrap(), disk["limit"].as_f64().unwrap());
    let full = engine(|settings| settings.disk = DiskLimits { low_percent: 101.0, full_percent: 101.0 }).await;
    let summary_full = summary(&full).await;
    assert_eq!(
        (&summary_full["status"], &check(&summary_full, "diskMiB")["status"]),
        (&json!("degraded"), &json!("exhausted"))
    );
    assert_eq!(action(&summary_full, "disk")["status"], "limit_reached");
}

#[tokio::test]
async fn a_machine_that_can_start_nothing_says_what_is_missing() {
    let engine = engine(|_| {}).await;
    *engine.driver.missing.lock().unwrap() =
        Some(Diagnostic::new("bwrap_missing", "bwrap is gone").recommend("install bubblewrap"));
    let summary = summary(&engine).await;
    let runtime = json!({"status": "unavailable", "message": "bwrap is gone"});
    assert_eq!((&summary["status"], &summary["availability"]["runtime"]), (&json!("degraded"), &runtime));
    let action = action(&summary, "runtime");
    assert_eq!((&action["status"], &action["message"]), (&json!("unavailable"), &json!("install bubblewrap")));
    let (status, health) = health(&engine).await;
    assert_eq!((status, &health["status"]), (StatusCode::OK, &json!("degraded")), "what runs is still reached");
}

#[tokio::test]
async fn a_store_that_can_not_be_read_makes_the_engine_unavailable() {
    let engine = engine(|_| {}).await;
    sqlx::query("ALTER TABLE sandboxes RENAME TO gone").execute(&mut store_of(&engine).await).await.unwrap();
    let (status, health) = health(&engine).await;
    assert_eq!((status, &health["error"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("store_failed")));
    let summary = summary(&engine).await;
    assert_eq!(
        (&summary["status"], &summary["availability"]["store"]["status"]),
        (&json!("degraded"), &json!("unavailable"))
    );
    assert!(action(&summary, "store")["message"].as_str().unwrap().contains("data folder"), "{summary}");
}

#[tokio::test]
async fn a_store_that_can_not_be_written_makes_the_engine_unavailable() {
    let engine = engine(|_| {}).await;
    let mut other = store_of(&engine).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert_eq!(health(&engine).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_folder_of_templates_that_can_not_be_read_is_told() {
    let engine = engine(|_| {}).await;
    std::fs::write(engine.folder.path().join("templates"), "no folder").unwrap();
    let summary = summary(&engine).await;
    assert_eq!(
        (&summary["status"], &summary["availability"]["templates"]["status"]),
        (&json!("degraded"), &json!("unavailable"))
    );
}

#[tokio::test]
async fn limits_that_do_not_hold_are_worth_a_review() {
    let level = LimitsLevel { name: "rlimits".into(), cpu: false, memory: true, disk: false, processes: Some(512) };
    let driver = FakeDriver { level: Mutex::new(level), ..FakeDriver::default() };
    let engine = TestEngine::start_on(tempfile::tempdir().unwrap(), driver, |_| {}).await;
    let summary = summary(&engine).await;
    let action = action(&summary, "limits");
    assert_eq!(action["status"], "review");
    assert!(action["message"].as_str().unwrap().contains("Delegate=yes"), "{action}");
}

#[tokio::test]
async fn an_engine_that_is_told_to_stop_is_not_healthy() {
    let engine = engine(|_| {}).await;
    engine.service.shut_down().await;
    let (status, health) = health(&engine).await;
    assert_eq!((status, &health["error"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("shutting_down")));
    let list = engine.get("/sandboxes").await;
    assert_eq!(
        (list.status, list.json["error"]["code"].as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("shutting_down"))
    );
}

/// The next engine on the same folder.
async fn restarted(engine: TestEngine, driver: FakeDriver) -> TestEngine {
    engine.service.shut_down().await;
    let roomy = |settings: &mut Settings| settings.disk = DiskLimits { low_percent: 0.0, full_percent: 0.0 };
    TestEngine::start_on(engine.folder, driver, roomy).await
}

#[tokio::test]
async fn an_engine_starts_beside_a_record_that_it_can_not_read_and_keeps_its_files() {
    let engine = engine(|_| {}).await;
    let (good, bad) = (engine.running(json!({})).await, engine.running(json!({})).await);
    let damage = sqlx::query("UPDATE sandboxes SET record = '{}' WHERE id = ?").bind(&bad);
    damage.execute(&mut store_of(&engine).await).await.unwrap();
    let driver = strong();
    driver.files.lock().unwrap().insert(bad.clone());
    let engine = restarted(engine, driver).await;
    engine.until(&good, "running").await;
    let list = engine.get("/sandboxes").await;
    assert_eq!((list.status, list.json.as_array().unwrap().len()), (StatusCode::OK, 1));
    assert!(engine.driver.files.lock().unwrap().contains(&bad));
    let detail = engine.get(&format!("/sandboxes/{bad}")).await;
    assert_eq!((detail.status.as_u16(), detail.json["error"]["code"].as_str()), (500, Some("record_unreadable")));
    let (status, health) = health(&engine).await;
    assert_eq!((status, &health["status"]), (StatusCode::OK, &json!("degraded")));
    assert!(health["reasons"][0].as_str().unwrap().contains(&bad), "{health}");
    let summary = summary(&engine).await;
    assert_eq!((&summary["status"], &action(&summary, "data")["status"]), (&json!("degraded"), &json!("review")));
}

#[tokio::test]
async fn an_engine_starts_sandboxes_anew_when_its_driver_can_not_take_them_up() {
    let engine = engine(|_| {}).await;
    let id = engine.running(json!({})).await;
    let driver = strong();
    *driver.recovery_failure.lock().unwrap() = Some(Diagnostic::new("disk_error", "can't read the folder"));
    let engine = restarted(engine, driver).await;
    engine.until(&id, "running").await;
    let (_, health) = health(&engine).await;
    assert_eq!(health["status"], "degraded");
    assert!(health["reasons"][0].as_str().unwrap().contains("can't read the folder"), "{health}");
}

#[tokio::test]
async fn what_was_set_aside_degrades_until_it_is_removed() {
    let engine = engine(|_| {}).await;
    let set_aside = engine.folder.path().join("set-aside/2027-01-01T00-00-00Z");
    std::fs::create_dir_all(set_aside.join("sandboxes/sb-lost")).unwrap();
    let degraded = health(&engine).await.1;
    assert_eq!(degraded["status"], "degraded");
    assert!(degraded["reasons"][0].as_str().unwrap().contains("sandboxes/sb-lost"), "{degraded}");
    std::fs::remove_dir_all(&set_aside).unwrap();
    assert_eq!(health(&engine).await.1["status"], "ok");
}

#[tokio::test]
async fn logs_of_unknown_sandboxes_are_kept_while_their_files_are_set_aside() {
    let engine = engine(|_| {}).await;
    let (kept, forgotten) = (engine.running(json!({})).await, engine.running(json!({})).await);
    for id in [&kept, &forgotten] {
        assert_eq!(engine.get(&format!("/sandboxes/{id}/logs")).await.status, StatusCode::OK, "its lines are written");
    }
    sqlx::query("DELETE FROM sandboxes").execute(&mut store_of(&engine).await).await.unwrap();
    let home = format!("set-aside/2027-01-01T00-00-00Z/sandboxes/{kept}/home");
    std::fs::create_dir_all(engine.folder.path().join(home)).unwrap();
    let engine = restarted(engine, strong()).await;
    let logs = format!("sqlite://{}", engine.folder.path().join("logs.db").display());
    let mut logs = SqliteConnection::connect(&logs).await.unwrap();
    let query = "SELECT DISTINCT sandbox FROM lines ORDER BY sandbox";
    let swept = async {
        loop {
            let left: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut logs).await.unwrap();
            if !left.contains(&forgotten) {
                return left;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(tokio::time::timeout(std::time::Duration::from_secs(20), swept).await.unwrap(), [kept]);
}
