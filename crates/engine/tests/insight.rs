//! What the engine says of itself and of its sandboxes' failures, over a fake driver.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use axum::http::StatusCode;
use sandbar_engine::driver::RuntimeNotice;
use serde_json::{Value, json};
use support::TestEngine;

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
