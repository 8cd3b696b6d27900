//! What the engine says of itself and of its sandboxes' failures, over a fake driver.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use jiff::Timestamp;
use sandbar_engine::driver::RuntimeNotice;
use sandbar_engine::logs::{Line, Logs, SqliteLogs};
use sandbar_protocol::{LogLevel, LogsQuery};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use support::TestEngine;

/// Less than any lock in these tests lasts, and more than a busy machine needs for a call.
const CALL_LIMIT: Duration = Duration::from_secs(4);

/// The reason is the one expected, and the rest is there.
fn is_complete(diagnostic: &Value, reason: &str) {
    assert_eq!(diagnostic["reason"], reason, "{diagnostic}");
    for field in ["message", "recommendation"] {
        assert!(diagnostic[field].as_str().is_some_and(|text| !text.is_empty()), "{diagnostic}");
    }
}

#[tokio::test]
async fn a_template_that_was_broken_or_removed_meanwhile_is_named_by_the_resume() {
    let engine = TestEngine::start().await;
    let folder = engine.folder.path().join("templates");
    std::fs::create_dir(&folder).unwrap();
    let definition = folder.join("tpl-x.toml");
    std::fs::write(&definition, "").unwrap();
    let id = engine.running(json!({"templateID": "tpl-x"})).await;
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    let resume = async || engine.post(&format!("/sandboxes/{id}/connect"), json!({"timeout": 60})).await;
    std::fs::write(&definition, "{").unwrap();
    is_complete(&resume().await.json["details"]["diagnostic"], "template_broken");
    std::fs::remove_file(&definition).unwrap();
    let answer = resume().await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    is_complete(&answer.json["details"]["diagnostic"], "template_not_found");
    is_complete(&engine.until(&id, "paused").await["diagnostic"], "template_not_found");
}

#[tokio::test]
async fn a_runtime_that_was_killed_and_one_that_says_it_is_broken_are_explained() {
    let engine = TestEngine::start().await;
    let killed = engine.running(json!({})).await;
    let notices = engine.driver.notices.lock().unwrap().clone().unwrap();
    let status = "signal: 9 (SIGKILL)".to_owned();
    notices
        .send(RuntimeNotice::Exited { sandbox_id: killed.clone(), generation: 1, status, cause: None })
        .await
        .unwrap();
    is_complete(&engine.until(&killed, "failed").await["diagnostic"], "runtime_exited");
    let broken = engine.running(json!({})).await;
    engine.post(&format!("/sandboxes/{broken}/heartbeat"), json!({"status": "error"})).await;
    is_complete(&engine.until(&broken, "failed").await["diagnostic"], "heartbeat_error");
}

/// Locks the logs against writing, until it is dropped.
async fn lock_logs(folder: &Path) -> SqliteConnection {
    let file = format!("sqlite://{}", folder.join("logs.db").display());
    let mut connection = SqliteConnection::connect(&file).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    connection
}

impl TestEngine {
    async fn lines(&self, id: &str) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let answer = self.get(&format!("/sandboxes/{id}/logs?limit=1000&direction=backward")).await;
            if answer.status == StatusCode::OK {
                let lines = answer.json["logs"].as_array().unwrap().iter().rev();
                return lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", answer.json);
        }
    }
}

#[tokio::test]
async fn lifecycle_calls_do_not_wait_for_logs_that_can_not_be_written() {
    let engine = TestEngine::start().await;
    let noisy = engine.running(json!({})).await;
    let mut lock = lock_logs(engine.folder.path()).await;
    let notices = engine.driver.notices.lock().unwrap().clone().unwrap();
    for number in 0..5_000 {
        let line = format!("{number} {}", "x".repeat(2000));
        let notice = RuntimeNotice::Output {
            sandbox_id: noisy.clone(),
            time: jiff::Timestamp::now(),
            level: LogLevel::Info,
            line,
        };
        tokio::time::timeout(CALL_LIMIT, notices.send(notice)).await.expect("notices wait for the log").unwrap();
    }
    let timed = async |call: &str, path: String, body: Value| {
        let answer = tokio::time::timeout(CALL_LIMIT, engine.call(call, &path, body)).await;
        answer.unwrap_or_else(|_| panic!("{call} {path} waits for the log"))
    };
    let created = timed("POST", "/sandboxes".into(), json!({"waitReady": true})).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let id = created.text("sandboxID").to_owned();
    timed("GET", format!("/sandboxes/{noisy}/metrics"), Value::Null).await;
    timed("POST", format!("/sandboxes/{id}/pause"), Value::Null).await;
    timed("POST", format!("/sandboxes/{id}/connect"), json!({})).await;
    timed("DELETE", format!("/sandboxes/{id}"), Value::Null).await;
    let read = engine.get(&format!("/sandboxes/{id}/logs")).await;
    assert_eq!(
        (read.status, read.json["error"]["code"].as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("logs_unavailable"))
    );
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    let lines = engine.lines(&id).await;
    for phase in ["created", "ready", "paused", "resuming", "deleted"] {
        assert!(lines.iter().any(|line| line.starts_with(phase)), "{phase} is missing in {lines:?}");
    }
    let lines = engine.lines(&noisy).await;
    let note = lines.last().unwrap();
    assert!(note.ends_with(" lines were dropped here: the log could not be written in time"), "{note}");
    let kept = lines[lines.len() - 2].split_once(' ').unwrap().0.parse::<u64>().unwrap() + 1;
    assert_eq!(note.split_once(' ').unwrap().0.parse::<u64>().unwrap(), 5_000 - kept, "each line is there or counted");
}

#[tokio::test]
async fn each_timeline_entry_is_logged_once_however_long_the_timeline_is() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    for _ in 0..60 {
        assert!(engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await.status.is_success());
        assert_eq!(engine.post(&format!("/sandboxes/{id}/connect"), json!({})).await.status, StatusCode::CREATED);
    }
    let timeline = engine.until(&id, "running").await["timeline"].as_array().unwrap().len();
    assert!(timeline <= 100, "{timeline} entries");
    let lines = engine.lines(&id).await;
    let count = |phase: &str| lines.iter().filter(|line| line.split([':', ' ']).next() == Some(phase)).count();
    assert_eq!((count("paused"), count("ready")), (60, 61), "{lines:?}");
}

#[tokio::test]
async fn lines_of_sandboxes_that_nobody_knows_are_swept() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    engine.service.shut_down().await;
    let file = engine.folder.path().join("logs.db");
    let add = async |sandbox_id: &str| {
        let logs = SqliteLogs::open(&file).await.unwrap();
        let (sandbox_id, message) = (sandbox_id.to_owned(), "left".to_owned());
        logs.add(Line { sandbox_id, time: Timestamp::now(), level: LogLevel::Info, source: "runtime", message });
        logs.close().await;
    };
    add("sb-unknown").await;
    let engine = TestEngine::start_in(engine.folder).await;
    let logs = SqliteLogs::open(&file).await.unwrap();
    let begun = Instant::now();
    while logs.sandbox_ids().await.unwrap() != [id.clone()] {
        assert!(begun.elapsed() < Duration::from_secs(30), "they are still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let own = logs.read(&id, &LogsQuery::default()).await.unwrap();
    assert!(!own.logs.is_empty());
    engine.service.shut_down().await;
}
