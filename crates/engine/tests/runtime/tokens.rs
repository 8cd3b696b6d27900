//! Access tokens.

use serde_json::json;

use crate::scene::{Scene, token_of};

const ASK: &str = "GET /envd/{id}/envs HTTP/1.1\r\nhost: engine\r\nx-access-token: {token}\r\n\r\n";

#[tokio::test]
async fn a_token_stays_good_when_others_connect() {
    let scene = Scene::set().await;
    let connected = scene.engine.post(&format!("/sandboxes/{}/connect", scene.id), json!({ "timeout": 600 })).await;
    assert_eq!(connected.text("envdAccessToken"), scene.token);
    scene.passes(ASK).await;
}

#[tokio::test]
async fn a_resume_makes_the_token_void_and_the_refusal_says_where_the_new_one_is() {
    let mut scene = Scene::set().await;
    let old = scene.token.clone();
    scene.resume().await;
    assert_ne!(scene.token, old);
    let (status, message) = scene.refusal(&ASK.replace("{token}", &old)).await;
    assert_eq!(status, 401);
    assert!(
        message.contains("envdAccessToken of the sandbox's detail") && message.contains("a resume makes a new one")
    );
    assert!(!message.contains(&old) && !message.contains(&scene.token), "{message}");
    scene.passes(ASK).await;
}

#[tokio::test]
async fn a_paused_sandbox_takes_no_request_and_tells_strangers_nothing() {
    let scene = Scene::set().await;
    scene.engine.post(&format!("/sandboxes/{}/pause", scene.id), serde_json::Value::Null).await;
    assert_eq!(scene.refusal(&ASK.replace("{token}", "guess")).await.0, 401);
    let (status, message) = scene.refusal(ASK).await;
    assert_eq!(status, 409);
    assert!(message.contains("is paused: connect()"), "{message}");
}

#[tokio::test]
async fn tokens_are_each_sandboxs_own() {
    let scene = Scene::set().await;
    let other = scene.engine.running(json!({})).await;
    let others = token_of(&scene.engine, &other).await;
    assert_eq!(scene.refusal(&ASK.replace("{token}", &others)).await.0, 401);
}
