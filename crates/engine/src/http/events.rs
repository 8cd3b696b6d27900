use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::problem::Problem;
use super::sandboxes::Project;
use super::{App, query};
use crate::changes::{ChangeFilter, Follower, Told, event_stream};
use crate::error::EngineError;

/// How long a stream is silent at most.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Asks proxies not to gather what comes.
const NO_BUFFERING: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// GET /events
#[utoipa::path(
    get,
    path = "/events",
    tag = "Observability",
    operation_id = "followEvents",
    summary = "Follow the changes of sandboxes, as server-sent events",
    description = "`hello` comes first, its data `{\"sequence\": n}`. Then, for each change, `sandbox` with the sandbox as \
        the list has it, deleted ones included, and `id`, its sequence; of one sandbox in their order. `reset`, with `{}`, says \
        that changes were missed, by a reader that is too slow or an unknown `Last-Event-ID`: list again. A silent stream \
        has a comment every 15 s. It ends when the engine shuts down.",
    params(
        ("metadata" = Option<String>, Query, nullable = false,
            description = "One query string in itself, as `app=prod&team=core`: all pairs must match"),
        ("sandboxID" = Option<String>, Query, nullable = false, pattern = "^[A-Za-z0-9_-]{1,128}$",
            description = "Only this sandbox"),
        ("Last-Event-ID" = Option<String>, Header, nullable = false,
            description = "The `id` of the last event that was read: what came since is told first, up to 1,024 changes")
    ),
    responses((status = 200, description = "Events, without an end", body = String, content_type = "text/event-stream"))
)]
pub(super) async fn events(
    State(app): State<App>,
    Project(project): Project,
    headers: HeaderMap,
    RawQuery(text): RawQuery,
) -> Result<Response, Problem> {
    let (metadata, sandbox_id) = query::events(&text.unwrap_or_default()).map_err(EngineError::from)?;
    let filter = ChangeFilter { sandbox_id, project, metadata: metadata.into_iter().collect() };
    // What is no number is no sequence that was ever given out.
    let after = headers.get(LAST_EVENT_ID).map(|id| id.to_str().ok().and_then(|id| id.parse().ok()).unwrap_or(0));
    let follower = app.service.follow(filter, after)?;
    let hello = event_stream::hello(follower.place());
    let events = stream::iter([hello]).chain(stream::unfold(follower, next));
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store"), NO_BUFFERING];
    Ok((headers, Body::from_stream(events.map(Ok::<_, Infallible>))).into_response())
}

/// The next event. It is made when the client has taken the one before: nothing is gathered for a slow one.
async fn next(mut follower: Follower) -> Option<(Bytes, Follower)> {
    let event = match tokio::time::timeout(KEEP_ALIVE, follower.next()).await {
        Ok(told) => match told? {
            Told::Change(change) => change.event.clone(),
            Told::Missed => event_stream::reset(follower.place()),
        },
        Err(_) => event_stream::KEEP_ALIVE,
    };
    Some((event, follower))
}
