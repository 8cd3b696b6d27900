use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sandbar_protocol::{IDEMPOTENCY_KEY_HEADER, REQUEST_ID_HEADER};
use tracing::Instrument;

use super::App;
use super::problem::Problem;

const MAX_ID_BYTES: usize = 128;

/// A request's name: the client's, or a new one.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// Names the request, counts it, writes problems out with its name, and echoes that.
pub(super) async fn name_requests(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = given(request.headers()).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::debug_span!("request", id, method = %request.method(), path = request.uri().path());
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let key = request.headers().get(IDEMPOTENCY_KEY_HEADER).cloned();
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    // What runs in a sandbox answers with any status it likes.
    let of_runtime = route.starts_with("/envd/");
    let counted = if of_runtime { status / 100 * 100 } else { status };
    app.service.telemetry().answered(method, route, counted, took);
    span.in_scope(|| tracing::debug!(status, duration_ms = took.as_secs_f64() * 1e3, "answered"));
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        response = (status, axum::Json(problem.body(status, &id))).into_response();
        // What the route or the router said beside its empty body: `Retry-After`, `Allow`.
        let kept = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
        response.headers_mut().extend(kept.filter(|(name, _)| name != CONTENT_LENGTH));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    // So a client knows that keys are kept here, and that a repeat under one is safe.
    if let Some(key) = key.filter(|_| !of_runtime) {
        response.headers_mut().insert(IDEMPOTENCY_KEY_HEADER, key);
    }
    response
}

/// Of methods, clients can make up as many as they like.
fn known_method(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

/// The client's own ID, if it is fit for logs and headers.
fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID_HEADER)?.to_str().ok()?;
    let fit = !id.is_empty() && id.len() <= MAX_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic());
    fit.then(|| id.to_owned())
}
