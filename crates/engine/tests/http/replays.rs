//! Requests that are repeated under their idempotency key.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, KEY, TestEngine};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A POST under the key `k1`, in a project if it is not empty.
async fn keyed(engine: &TestEngine, path: &str, project: &str, body: &Value) -> Answer {
    let request = Request::post(format!("/api/v1{path}"))
        .header("x-api-key", KEY)
        .header("x-project-id", project)
        .header("idempotency-key", "k1");
    engine.send(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn create(engine: &TestEngine, body: Value) -> Answer {
    keyed(engine, "/sandboxes", "", &body).await
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

/// The status, the error's word, and the state that it names.
fn refusal(answer: &Answer) -> (u16, &str, &str) {
    let code = answer.json["error"]["code"].as_str().unwrap_or_default();
    (answer.status.as_u16(), code, answer.json["details"]["state"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn create_is_marked_as_replayed_when_it_repeats_another() {
    let engine = TestEngine::start().await;
    let first = create(&engine, json!({"waitReady": true})).await;
    assert!(!replayed(&first));
    engine.post(&format!("/sandboxes/{}/pause", first.text("sandboxID")), Value::Null).await;
    let repeat = create(&engine, json!({"waitReady": true})).await;
    assert!(replayed(&repeat));
    assert_eq!((repeat.status, repeat.text("state")), (StatusCode::CREATED, "paused"), "as it is now");
    assert_eq!(repeat.text("sandboxID"), first.text("sandboxID"));
    assert!(!replayed(&engine.post("/sandboxes", json!({})).await));
}

#[tokio::test]
async fn key_belongs_to_its_project() {
    let engine = TestEngine::start().await;
    let body = json!({"waitReady": true});
    let mine = keyed(&engine, "/sandboxes", "a", &body).await;
    let others = keyed(&engine, "/sandboxes", "b", &body).await;
    let nobodys = keyed(&engine, "/sandboxes", "", &body).await;
    assert!([&mine, &others, &nobodys].into_iter().all(|answer| !replayed(answer)));
    let tokens = [&mine, &others, &nobodys].map(|answer| answer.text("envdAccessToken"));
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2] && tokens[0] != tokens[2]);
    let other_body = keyed(&engine, "/sandboxes", "c", &json!({"timeout": 7})).await;
    assert_eq!(other_body.status, StatusCode::CREATED, "what others do under the key is no conflict");
    assert_eq!(keyed(&engine, "/sandboxes", "a", &body).await.text("sandboxID"), mine.text("sandboxID"));
}

#[tokio::test]
async fn key_is_free_when_its_sandbox_is_deleted() {
    let engine = TestEngine::start().await;
    let first = create(&engine, json!({})).await;
    engine.call("DELETE", &format!("/sandboxes/{}", first.text("sandboxID")), Value::Null).await;
    let second = create(&engine, json!({"timeout": 61})).await;
    assert_eq!((second.status, replayed(&second)), (StatusCode::CREATED, false), "{}", second.json);
    assert_ne!(second.text("sandboxID"), first.text("sandboxID"));
    let repeat = create(&engine, json!({"timeout": 61})).await;
    assert_eq!((repeat.text("sandboxID"), replayed(&repeat)), (second.text("sandboxID"), true));
}

#[tokio::test]
async fn two_repeats_make_one_sandbox_when_the_first_is_deleted() {
    let engine = TestEngine::start().await;
    let mut before = create(&engine, json!({})).await.text("sandboxID").to_owned();
    for _ in 0..20 {
        engine.call("DELETE", &format!("/sandboxes/{before}"), Value::Null).await;
        let (one, other) = tokio::join!(create(&engine, json!({})), create(&engine, json!({})));
        assert_eq!(one.text("sandboxID"), other.text("sandboxID"));
        assert_ne!(one.text("sandboxID"), before);
        assert!(replayed(&one) != replayed(&other), "one of them made it");
        one.text("sandboxID").clone_into(&mut before);
    }
}

#[tokio::test]
async fn repeat_races_a_delete_and_is_answered_with_a_live_sandbox() {
    let engine = TestEngine::start().await;
    for _ in 0..20 {
        let first = create(&engine, json!({})).await;
        let path = format!("/sandboxes/{}", first.text("sandboxID"));
        let (repeat, _) = tokio::join!(create(&engine, json!({})), engine.call("DELETE", &path, Value::Null));
        assert_eq!(repeat.status, StatusCode::CREATED, "{}", repeat.json);
        assert_ne!(repeat.text("state"), "deleted");
    }
}

#[tokio::test]
async fn key_is_free_after_24_hours_before_it_is_swept() {
    let engine = TestEngine::start().await;
    let body = json!({"timeout": 86_400, "autoPause": true});
    let first = create(&engine, body.clone()).await;
    engine.clock.advance(DAY - Duration::from_secs(60));
    assert!(replayed(&create(&engine, body.clone()).await));
    engine.clock.advance(Duration::from_secs(61));
    let later = create(&engine, body).await;
    assert_ne!((later.text("sandboxID"), replayed(&later)), (first.text("sandboxID"), true));
}

#[tokio::test]
async fn repeat_is_answered_when_the_template_was_removed() {
    let engine = TestEngine::start().await;
    let file = engine.folder.path().join("templates/tpl-mine.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "cpu_count = 1\n").unwrap();
    let body = json!({"templateID": "tpl-mine"});
    let first = create(&engine, body.clone()).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.json);
    std::fs::remove_file(&file).unwrap();
    let repeat = create(&engine, body.clone()).await;
    assert_eq!((repeat.text("sandboxID"), replayed(&repeat)), (first.text("sandboxID"), true));
    engine.call("DELETE", &format!("/sandboxes/{}", first.text("sandboxID")), Value::Null).await;
    assert_eq!(create(&engine, body).await.json["error"]["code"], "template_not_found");
}

#[tokio::test]
async fn connect_is_marked_as_replayed_when_it_repeats_another() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    let path = format!("/sandboxes/{id}/connect");
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    let first = keyed(&engine, &path, "a", &json!({"timeout": 60})).await;
    assert_eq!((first.status, replayed(&first)), (StatusCode::CREATED, false));
    let repeat = keyed(&engine, &path, "a", &json!({"timeout": 60})).await;
    assert_eq!((repeat.status, replayed(&repeat)), (StatusCode::OK, true));
    let of_another_project = keyed(&engine, &path, "b", &json!({"timeout": 61})).await;
    assert_eq!((of_another_project.status, replayed(&of_another_project)), (StatusCode::OK, false));
}

#[tokio::test]
async fn repeated_connect_names_the_state_when_the_sandbox_is_not_usable_any_more() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    let connect = async || keyed(&engine, &format!("/sandboxes/{id}/connect"), "", &json!({"timeout": 60})).await;
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    assert_eq!(connect().await.status, StatusCode::CREATED);
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    let paused = connect().await;
    assert_eq!(refusal(&paused), (409, "sandbox_paused", "paused"), "it is not resumed again");
    assert!(paused.text("message").contains("connect() under a new key resumes it"), "{}", paused.json);
    engine.call("DELETE", &format!("/sandboxes/{id}"), Value::Null).await;
    assert_eq!(refusal(&connect().await), (404, "sandbox_not_found", "deleted"));
}

#[tokio::test]
async fn repeated_connect_does_not_claim_a_failed_resume_after_an_auto_pause() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({"autoPause": true})).await;
    let connect = async || keyed(&engine, &format!("/sandboxes/{id}/connect"), "", &json!({"timeout": 60})).await;
    assert_eq!(connect().await.status, StatusCode::OK);
    engine.post(&format!("/sandboxes/{id}/timeout"), json!({"timeout": 0})).await;
    let repeat = connect().await;
    assert_eq!(refusal(&repeat), (409, "sandbox_paused", "paused"), "{}", repeat.json);
    assert_eq!(repeat.json["details"]["diagnostic"]["reason"], "ttl");
}
