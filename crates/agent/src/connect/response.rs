use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::frames::Frame;
use crate::problem::Problem;

/// How long a stream may be silent before a sign of life: clients give up after 30 s without one.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

pub(super) const CONTENT_TYPE: &str = "application/connect+json";

/// What a stream says; its end is the end of the stream.
pub(crate) type Events = mpsc::Receiver<Result<Value, Problem>>;

/// A server stream of messages; whenever it would be silent for 10 s, of `keepalive` as well.
pub(crate) fn stream(events: Events, keepalive: Value) -> Response {
    let frames = unfold(Some((events, keepalive)), |state| async move {
        let (mut events, keepalive) = state?;
        let next = tokio::select! {
            biased;
            event = events.recv() => event,
            () = sleep_until(Instant::now() + KEEP_ALIVE) => Some(Ok(keepalive.clone())),
        };
        let (bytes, goes_on) = match next {
            Some(Ok(event)) => (Frame::message(&text(&event)), true),
            Some(Err(problem)) => (failed(&problem), false),
            None => (Frame::end(b"{}"), false),
        };
        Some((Ok::<_, Infallible>(Bytes::from(bytes)), goes_on.then_some((events, keepalive))))
    });
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], Body::from_stream(frames)).into_response()
}

/// The end of a stream that failed.
pub(super) fn failed(problem: &Problem) -> Vec<u8> {
    Frame::end(&text(&json!({ "error": { "code": problem.code(), "message": problem.message() } })))
}

fn text(value: &impl Serialize) -> Vec<u8> {
    // JSON values always serialise.
    serde_json::to_vec(value).unwrap_or_default()
}
