//! Answers that are held while a sandbox is starting: of create and connect, and of the detail with `Prefer: wait=N`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use sandbar_protocol::Diagnostic;
use serde_json::{Value, json};
use support::{Answer, KEY, TestEngine};
use tokio::time::Instant;

/// A sandbox whose start hangs.
async fn starting(engine: &TestEngine) -> String {
    engine.driver.starts.forget_permits(1000);
    engine.post("/sandboxes", json!({})).await.text("sandboxID").to_owned()
}

async fn look(engine: &TestEngine, id: &str, prefer: &str) -> Answer {
    let request = Request::get(format!("/api/v1/sandboxes/{id}")).header("x-api-key", KEY).header("prefer", prefer);
    engine.send(request.body(Body::empty()).unwrap()).await
}

/// A look that hangs now.
async fn held<'a>(engine: &'a TestEngine, id: &'a str, prefer: &'a str) -> BoxFuture<'a, Answer> {
    hanging(look(engine, id, prefer).boxed()).await
}

/// A call that hangs now.
async fn hanging(mut call: BoxFuture<'_, Answer>) -> BoxFuture<'_, Answer> {
    for _ in 0..100 {
        assert!((&mut call).now_or_never().is_none(), "it was answered at once");
        tokio::task::yield_now().await;
    }
    call
}

/// A connect that hangs now, to a sandbox that is being resumed.
async fn resuming<'a>(engine: &'a TestEngine, id: &str) -> BoxFuture<'a, Answer> {
    let path = format!("/sandboxes/{id}/connect");
    hanging(async move { engine.post(&path, json!({"timeout": 60})).await }.boxed()).await
}

/// A paused sandbox whose next start hangs.
async fn paused(engine: &TestEngine, options: Value) -> String {
    let id = engine.running(options).await;
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    engine.driver.starts.forget_permits(1000);
    id
}

/// The status, the error's word, and the state that it names.
fn refusal(answer: &Answer) -> (u16, &str, &str) {
    let code = answer.json["error"]["code"].as_str().unwrap_or_default();
    (answer.status.as_u16(), code, answer.json["details"]["state"].as_str().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn connect_names_the_state_when_the_sandbox_is_paused_or_deleted_meanwhile() {
    let cases =
        [("POST", "/pause", (409, "sandbox_paused", "paused")), ("DELETE", "", (404, "sandbox_not_found", "deleted"))];
    for (method, tail, expected) in cases {
        for resumed in [false, true] {
            let engine = TestEngine::start_in_memory().await;
            let id = if resumed { paused(&engine, json!({})).await } else { starting(&engine).await };
            let connect = resuming(&engine, &id).await;
            engine.call(method, &format!("/sandboxes/{id}{tail}"), Value::Null).await;
            let answer = connect.await;
            assert_eq!(refusal(&answer), expected, "{}", answer.json);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn connect_names_the_state_when_the_first_start_fails() {
    for paused_before in [false, true] {
        let engine = TestEngine::start_in_memory().await;
        *engine.driver.failure.lock().unwrap() = Some(Diagnostic::new("start_failed", "exited with 3"));
        let id = starting(&engine).await;
        if paused_before {
            engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
        }
        let connect = resuming(&engine, &id).await;
        engine.driver.starts.add_permits(1);
        let answer = connect.await;
        assert_eq!(refusal(&answer), (409, "sandbox_failed", "failed"), "{}", answer.json);
        assert_eq!(answer.json["details"]["diagnostic"]["reason"], "start_failed");
    }
}

#[tokio::test(start_paused = true)]
async fn connect_says_that_it_was_paused_when_its_ttl_ends_before_it_is_ready() {
    let engine = TestEngine::start_in_memory().await;
    let id = paused(&engine, json!({"autoPause": true, "timeout": 10})).await;
    let path = format!("/sandboxes/{id}/connect");
    let connect = hanging(async { engine.post(&path, json!({"timeout": 10})).await }.boxed()).await;
    engine.clock.advance(Duration::from_secs(11));
    let answer = connect.await;
    assert_eq!(refusal(&answer), (409, "sandbox_paused", "paused"), "{}", answer.json);
    assert_eq!(answer.json["details"]["diagnostic"]["reason"], "ttl");
}

#[tokio::test(start_paused = true)]
async fn connect_says_that_the_resume_failed_when_it_did() {
    let engine = TestEngine::start_in_memory().await;
    let id = paused(&engine, json!({})).await;
    *engine.driver.failure.lock().unwrap() = Some(Diagnostic::new("start_failed", "exited with 3"));
    let connect = resuming(&engine, &id).await;
    engine.driver.starts.add_permits(1);
    let answer = connect.await;
    assert_eq!(refusal(&answer), (409, "sandbox_resume_failed", "paused"), "{}", answer.json);
}

#[tokio::test(start_paused = true)]
async fn create_is_refused_when_its_sandbox_is_deleted_while_it_waits() {
    let engine = TestEngine::start_in_memory().await;
    engine.driver.starts.forget_permits(1000);
    let create = hanging(async { engine.post("/sandboxes", json!({"waitReady": true})).await }.boxed()).await;
    let id = engine.get("/sandboxes").await.json[0]["sandboxID"].as_str().unwrap().to_owned();
    engine.call("DELETE", &format!("/sandboxes/{id}"), Value::Null).await;
    let answer = create.await;
    assert_eq!(refusal(&answer), (404, "sandbox_not_found", "deleted"), "{}", answer.json);
    assert!(answer.text("message").contains(&id), "{}", answer.json);
}

#[tokio::test(start_paused = true)]
async fn a_look_is_held_until_the_sandbox_is_usable() {
    let engine = TestEngine::start_in_memory().await;
    let id = starting(&engine).await;
    let look = held(&engine, &id, "wait=20").await;
    let begun = Instant::now();
    engine.driver.starts.add_permits(1);
    let answer = look.await;
    assert_eq!((answer.text("state"), answer.header("preference-applied")), ("running", "wait"));
    assert_eq!(answer.text("envdUrl"), format!("http://127.0.0.1:1/envd/{id}"));
    assert_eq!(begun.elapsed(), Duration::ZERO, "it was told at once");
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_it() {
    let engine = TestEngine::start_in_memory().await;
    *engine.driver.failure.lock().unwrap() = Some(Diagnostic::new("start_failed", "exited with 3"));
    let id = starting(&engine).await;
    let look = held(&engine, &id, "wait=20").await;
    engine.driver.starts.add_permits(1);
    let answer = look.await;
    assert_eq!((answer.text("state"), &answer.json["diagnostic"]["reason"]), ("failed", &json!("start_failed")));
}

#[tokio::test(start_paused = true)]
async fn a_delete_or_a_pause_ends_it() {
    for (method, tail, state) in [("DELETE", "", "deleted"), ("POST", "/pause", "paused")] {
        let engine = TestEngine::start_in_memory().await;
        let id = starting(&engine).await;
        let look = held(&engine, &id, "wait=20").await;
        engine.call(method, &format!("/sandboxes/{id}{tail}"), Value::Null).await;
        assert_eq!(look.await.text("state"), state);
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_its_time_is_over_and_after_30_s_at_most() {
    let engine = TestEngine::start_in_memory().await;
    let id = starting(&engine).await;
    for (wait, seconds) in [(7, 7), (3_600, 30)] {
        let begun = Instant::now();
        let answer = look(&engine, &id, &format!("wait={wait}")).await;
        assert_eq!((answer.text("state"), answer.header("preference-applied")), ("starting", "wait"));
        assert_eq!(begun.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_starting_is_answered_at_once_and_so_is_nonsense() {
    let engine = TestEngine::start_in_memory().await;
    let begun = Instant::now();
    let running = engine.running(json!({})).await;
    let answer = look(&engine, &running, "wait=20").await;
    assert_eq!((answer.text("state"), answer.header("preference-applied")), ("running", "wait"));
    let id = starting(&engine).await;
    for prefer in ["wait=soon", "wait", "respond-async"] {
        let answer = look(&engine, &id, prefer).await;
        assert_eq!((answer.text("state"), answer.header("preference-applied")), ("starting", ""), "{prefer}");
    }
    let answer = look(&engine, "sb-none", "wait=20").await;
    assert_eq!(answer.json["error"]["code"], "sandbox_not_found");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_it() {
    let engine = TestEngine::start_in_memory().await;
    let id = starting(&engine).await;
    let look = held(&engine, &id, "wait=20").await;
    let begun = Instant::now();
    let answered = async {
        let answer = look.await;
        // Only now does the start end that the shutdown waits for.
        engine.driver.starts.add_permits(1);
        answer
    };
    let ((), answer) = tokio::join!(engine.service.shut_down(), answered);
    assert_eq!(answer.text("state"), "starting");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn many_are_held_at_once_and_all_are_told() {
    let engine = TestEngine::start_in_memory().await;
    engine.driver.starts.forget_permits(1000);
    let ids = join_all((0..200).map(async |_| engine.post("/sandboxes", json!({})).await.text("sandboxID").to_owned()));
    let ids = ids.await;
    let looks: Vec<_> = join_all(ids.iter().map(|id| held(&engine, id, "wait=20"))).await;
    let begun = Instant::now();
    engine.driver.starts.add_permits(200);
    let answers = join_all(looks).await;
    assert!(answers.iter().all(|answer| answer.text("state") == "running"));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
