use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sandbar_protocol::REQUEST_ID_HEADER;
use tracing::Instrument;

use super::problem::Problem;

const MAX_ID_BYTES: usize = 128;

/// A request's name: the client's, or a new one.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// Names the request, writes problems out with that name, and echoes it.
pub(super) async fn name_requests(mut request: Request, next: Next) -> Response {
    let id = given(request.headers()).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::debug_span!("request", id, method = %request.method(), path = request.uri().path());
    let mut response = next.run(request).instrument(span).await;
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
    response
}

/// The client's own ID, if it is fit for logs and headers.
fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID_HEADER)?.to_str().ok()?;
    let fit = !id.is_empty() && id.len() <= MAX_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic());
    fit.then(|| id.to_owned())
}
