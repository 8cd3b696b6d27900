//! `GET /events`: every change of every sandbox, in the order of the store, to whoever follows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, Response, StatusCode};
use futures_util::{FutureExt, StreamExt, future};
use sandbar_engine::driver::RuntimeNotice;
use sandbar_protocol::Diagnostic;
use serde_json::{Value, json};
use support::{KEY, TestEngine};
use tokio::time::timeout;
use tower::ServiceExt;

/// One event of a stream.
#[derive(Debug, PartialEq)]
struct Event {
    name: String,
    id: Option<u64>,
    data: Value,
}

/// A client that follows.
struct Stream(BodyDataStream);

impl Stream {
    /// Follows, and has read the greeting: its sequence.
    async fn open(engine: &TestEngine, query: &str, headers: &[(&str, &str)]) -> (Self, u64) {
        let response = ask(engine, query, headers).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self(response.into_body().into_data_stream());
        let hello = stream.event().await;
        assert_eq!(hello.name, "hello");
        (stream, hello.data["sequence"].as_u64().unwrap())
    }

    async fn follow(engine: &TestEngine) -> Self {
        Self::open(engine, "", &[]).await.0
    }

    /// The next piece as it is written.
    async fn text(&mut self) -> Option<String> {
        let piece = timeout(Duration::from_secs(30), self.0.next()).await.expect("nothing came for too long")?;
        Some(String::from_utf8(piece.unwrap().into()).unwrap())
    }

    async fn event(&mut self) -> Event {
        let text = self.text().await.expect("the stream has ended");
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        let data = serde_json::from_str(field("data").unwrap()).unwrap();
        Event { name: field("event").unwrap().to_owned(), id: field("id").map(|id| id.parse().unwrap()), data }
    }

    /// The states of a sandbox, up to this one.
    async fn states_until(&mut self, last: &str) -> Vec<String> {
        let mut states = Vec::new();
        while states.last().is_none_or(|state| state != last) {
            states.push(self.event().await.data["state"].as_str().unwrap().to_owned());
        }
        states
    }

    /// What has come and was not read yet, if there is anything.
    fn unread(&mut self) -> Option<String> {
        let piece = self.0.next().now_or_never()?;
        Some(piece.map_or("its end".to_owned(), |piece| String::from_utf8_lossy(&piece.unwrap()).into_owned()))
    }
}

async fn ask(engine: &TestEngine, query: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::get(format!("/api/v1/events{query}"));
    if headers.iter().all(|(name, _)| *name != "x-api-key") {
        request = request.header("x-api-key", KEY);
    }
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    engine.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn every_change_of_a_life_is_told_in_its_order() {
    let engine = TestEngine::start().await;
    let (mut stream, mut sequence) = Stream::open(&engine, "", &[]).await;
    let id = engine.running(json!({"metadata": {"app": "demo"}})).await;
    let path = |call: &str| format!("/sandboxes/{id}{call}");
    engine.post(&path("/pause"), Value::Null).await;
    engine.post(&path("/connect"), json!({"timeout": 600})).await;
    engine.post(&path("/timeout"), json!({"timeout": 900})).await;
    engine.call("DELETE", &path(""), Value::Null).await;
    let mut told = Vec::new();
    while told.last() != Some(&"destroyed".to_owned()) {
        let Event { name, id: told_as, data } = stream.event().await;
        sequence += 1;
        assert_eq!((name.as_str(), told_as, &data["sandboxID"]), ("sandbox", Some(sequence), &json!(id)));
        assert_eq!(data["metadata"], json!({"app": "demo"}));
        let last = data["timeline"].as_array().unwrap().last().unwrap().clone();
        let ended = data["state"] == "deleted" && last["status"] == "completed";
        let what = format!("{} {}", data["state"].as_str().unwrap(), last["phase"].as_str().unwrap());
        told.push(if ended { "destroyed".to_owned() } else { what });
    }
    let expected = [
        "starting starting",
        "running ready",
        "paused paused",
        "paused paused",
        "starting resuming",
        "running ready",
        "running ready",
        "deleted deleted",
        "destroyed",
    ];
    assert_eq!(told, expected, "a stop and a removal are told at their begin and at their end, a new deadline once");
    assert_eq!(stream.unread(), None);
}

#[tokio::test]
async fn what_happens_by_itself_is_told_too() {
    let engine = TestEngine::start().await;
    let mut stream = Stream::follow(&engine).await;
    engine.running(json!({"timeout": 1})).await;
    assert_eq!(stream.states_until("running").await, ["starting", "running"]);
    assert_eq!(stream.states_until("deleted").await, ["deleted"], "the end of its TTL");
    stream.event().await;

    let id = engine.running(json!({})).await;
    stream.states_until("running").await;
    let notices = engine.driver.notices.lock().unwrap().clone().unwrap();
    let exited = RuntimeNotice::Exited { sandbox_id: id, generation: 1, status: "killed".to_owned(), cause: None };
    notices.send(exited).await.unwrap();
    let failed = stream.event().await.data;
    assert_eq!((&failed["state"], &failed["diagnostic"]["reason"]), (&json!("failed"), &json!("runtime_exited")));

    *engine.driver.failure.lock().unwrap() = Some(Diagnostic::new("start_failed", "exited with 3"));
    engine.post("/sandboxes", json!({})).await;
    assert_eq!(stream.states_until("failed").await, ["starting", "failed"], "a start that fails");
}

#[tokio::test]
async fn a_call_that_changes_nothing_tells_nothing() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({"timeout": 600})).await;
    let mut stream = Stream::follow(&engine).await;
    engine.post(&format!("/sandboxes/{id}/connect"), json!({"timeout": 0})).await;
    engine.post(&format!("/sandboxes/{id}/heartbeat"), json!({"status": "healthy"})).await;
    engine.get(&format!("/sandboxes/{id}")).await;
    assert_eq!(stream.unread(), None);
}

#[tokio::test]
async fn what_is_told_is_in_the_store_by_then() {
    let engine = TestEngine::start().await;
    let mut stream = Stream::follow(&engine).await;
    let id = engine.running(json!({})).await;
    for _ in 0..20 {
        engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
        engine.post(&format!("/sandboxes/{id}/connect"), json!({})).await;
    }
    engine.call("DELETE", &format!("/sandboxes/{id}"), Value::Null).await;
    let mut last = Value::Null;
    while last["state"] != "deleted" {
        last = stream.event().await.data;
    }
    last = stream.event().await.data;
    let listed = &engine.get("/sandboxes?state=deleted").await.json[0];
    assert_eq!(&last, listed, "the last event is what the list has");
}

#[tokio::test]
async fn no_event_has_a_token_or_a_variable() {
    let engine = TestEngine::start().await;
    let mut stream = Stream::follow(&engine).await;
    let id = engine.running(json!({"envVars": {"PASSWORD": "of-the-user"}})).await;
    let token = engine.get(&format!("/sandboxes/{id}")).await.text("envdAccessToken").to_owned();
    for _ in 0..2 {
        let text = stream.text().await.unwrap();
        assert!(!text.contains(&token) && !text.contains("of-the-user") && !text.contains("envd"), "{text}");
    }
}

#[tokio::test]
async fn filters_are_those_of_the_list_and_a_sandbox() {
    let engine = TestEngine::start().await;
    let mut of_app = Stream::open(&engine, "?metadata=app%3Da%26team%3Dcore", &[]).await.0;
    let mut of_project = Stream::open(&engine, "", &[("x-project-id", "p1")]).await.0;
    engine.running(json!({"metadata": {"app": "b", "team": "core"}})).await;
    let wanted = engine.running(json!({"metadata": {"app": "a", "team": "core", "more": "x"}})).await;
    // The start is answered before all who follow have read of it.
    assert_eq!(of_app.states_until("running").await, ["starting", "running"]);
    let mut of_one = Stream::open(&engine, &format!("?sandboxID={wanted}"), &[]).await.0;
    let create = Request::post("/api/v1/sandboxes").header("x-api-key", KEY).header("x-project-id", "p1");
    let in_project = engine.send(create.body(Body::from(r#"{"waitReady": true}"#)).unwrap()).await;
    engine.post(&format!("/sandboxes/{wanted}/pause"), Value::Null).await;
    for (stream, id, count) in [
        (&mut of_app, wanted.as_str(), 2),
        (&mut of_project, in_project.text("sandboxID"), 2),
        (&mut of_one, &wanted, 2),
    ] {
        for _ in 0..count {
            assert_eq!(stream.event().await.data["sandboxID"], id);
        }
        assert_eq!(stream.unread(), None);
    }
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing() {
    let engine = TestEngine::start().await;
    let (mut stream, _) = Stream::open(&engine, "", &[]).await;
    let id = engine.running(json!({})).await;
    let seen = stream.event().await.id.unwrap();
    drop(stream);
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    let (mut stream, sequence) = Stream::open(&engine, "", &[("last-event-id", &seen.to_string())]).await;
    assert_eq!(sequence, seen, "it goes on where it was");
    let event = stream.event().await;
    assert_eq!((event.id, &event.data["state"]), (Some(seen + 1), &json!("running")));
}

#[tokio::test]
async fn an_unknown_last_event_is_told_to_list_again() {
    let engine = TestEngine::start().await;
    let (_, now) = Stream::open(&engine, "", &[]).await;
    for unknown in ["1".to_owned(), (now + 1).to_string(), "x".to_owned(), String::new()] {
        let (mut stream, sequence) = Stream::open(&engine, "", &[("last-event-id", &unknown)]).await;
        assert_eq!(sequence, now);
        let reset = stream.event().await;
        assert_eq!(reset, Event { name: "reset".to_owned(), id: Some(now), data: json!({}) }, "{unknown:?}");
        assert_eq!(stream.unread(), None);
    }
}

#[tokio::test]
async fn the_sequence_of_an_engine_is_unknown_to_the_next() {
    let engine = TestEngine::start().await;
    engine.running(json!({})).await;
    let (_, before) = Stream::open(&engine, "", &[]).await;
    engine.service.shut_down().await;
    let engine = TestEngine::start_in(engine.folder).await;
    let mut stream = Stream::open(&engine, "", &[("last-event-id", &before.to_string())]).await.0;
    assert_eq!(stream.event().await.name, "reset");
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_so_and_goes_on() {
    let engine = TestEngine::start_in_memory().await;
    let id = engine.running(json!({})).await;
    let mut slow = Stream::follow(&engine).await;
    let mut quick = Stream::follow(&engine).await;
    for timeout in 0..1_100 {
        engine.post(&format!("/sandboxes/{id}/timeout"), json!({"timeout": 1_000 + timeout})).await;
        assert_eq!(quick.event().await.name, "sandbox");
    }
    let reset = slow.event().await;
    assert_eq!(reset.name, "reset");
    assert_eq!(slow.unread(), None, "it goes on from now");
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    let event = slow.event().await;
    assert_eq!((event.id, &event.data["state"]), (Some(reset.id.unwrap() + 1), &json!("paused")));
}

#[tokio::test]
async fn large_changes_are_kept_in_bounded_memory() {
    let engine = TestEngine::start_in_memory().await;
    let id = engine.running(json!({"metadata": {"text": "x".repeat(60_000)}})).await;
    let mut slow = Stream::follow(&engine).await;
    for timeout in 0..400 {
        engine.post(&format!("/sandboxes/{id}/timeout"), json!({"timeout": 1_000 + timeout})).await;
    }
    assert_eq!(slow.event().await.name, "reset", "400 of them are 24 MB");
}

#[tokio::test]
async fn a_thousand_readers_are_told_the_same() {
    let engine = TestEngine::start_in_memory().await;
    let streams = future::join_all((0..1_000).map(|_| Stream::follow(&engine))).await;
    let mut streams: Vec<Stream> = streams.into_iter().collect();
    engine.running(json!({})).await;
    for stream in &mut streams {
        assert_eq!(stream.states_until("running").await, ["starting", "running"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_that_it_is_there() {
    let engine = TestEngine::start_in_memory().await;
    let mut stream = Stream::follow(&engine).await;
    let begun = tokio::time::Instant::now();
    for _ in 0..2 {
        assert_eq!(stream.text().await.unwrap(), ": keepalive\n\n");
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    engine.running(json!({})).await;
    assert_eq!(stream.event().await.name, "sandbox");
}

#[tokio::test]
async fn a_wrong_key_or_a_bad_filter_gets_no_stream() {
    let engine = TestEngine::start().await;
    assert_eq!(ask(&engine, "", &[("x-api-key", "guess")]).await.status(), StatusCode::UNAUTHORIZED);
    let (status, _) = engine.text("/api/v1/events", None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&engine, "?sandboxID=..%2F", &[]).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_prefix_of_the_api_has_it() {
    let engine = TestEngine::start().await;
    for prefix in ["/api/v1", "/api/v1/sandbox", "/api/sandbox/v1"] {
        let request = Request::get(format!("{prefix}/events")).header("x-api-key", KEY).body(Body::empty()).unwrap();
        let response = engine.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream", "{prefix}");
    }
}

#[tokio::test]
async fn a_shutdown_ends_every_stream() {
    let engine = TestEngine::start().await;
    let mut streams = future::join_all((0..10).map(|_| Stream::follow(&engine))).await;
    let waiting = tokio::spawn(async move {
        for stream in &mut streams {
            assert_eq!(stream.text().await, None);
        }
    });
    engine.service.shut_down().await;
    waiting.await.unwrap();
    assert_eq!(ask(&engine, "", &[]).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}
