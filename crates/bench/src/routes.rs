//! Which answer a request gets.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use sandbar_protocol::{END_AT_HEADER, PREVIOUS_STATE_HEADER, REQUEST_ID_HEADER};

use crate::answers::Answers;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const REQUEST_ID: HeaderName = HeaderName::from_static(REQUEST_ID_HEADER);
const END_AT: HeaderName = HeaderName::from_static(END_AT_HEADER);
const PREVIOUS_STATE: HeaderName = HeaderName::from_static(PREVIOUS_STATE_HEADER);

/// Reads the request to its end and answers it, under any prefix of the path.
pub(crate) async fn answer(answers: &Answers, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    drain(body).await;
    let path = parts.uri.path();
    let mut response = match (answers.peer(path), route(path)) {
        (_, None) => status(StatusCode::NOT_FOUND, Bytes::new()),
        (None, Some((id, action))) => sandbox(answers, &parts.method, id, action),
        (Some(peer), Some((id, action))) => match (&parts.method, id, action) {
            (&Method::POST, "", _) => json(StatusCode::CREATED, peer.created(&answers.new_id())),
            (&Method::GET, _, "") => json(StatusCode::OK, peer.detail(id)),
            _ if peer.says_what_it_did() => json(StatusCode::OK, peer.detail(id)),
            _ => status(StatusCode::NO_CONTENT, Bytes::new()),
        },
    };
    if let Some(id) = parts.headers.get(REQUEST_ID) {
        response.headers_mut().insert(REQUEST_ID, id.clone());
    }
    response
}

/// The sandbox and what to do with it, as of `…/sandboxes/:id/timeout`; both empty for all of them.
fn route(path: &str) -> Option<(&str, &str)> {
    let (_, rest) = path.split_once("/sandbox")?;
    let rest = rest.strip_prefix("es").unwrap_or(rest).trim_start_matches('/');
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

fn sandbox(answers: &Answers, method: &Method, id: &str, action: &str) -> Response<Full<Bytes>> {
    match (method, id, action) {
        (&Method::POST, "", _) => json(StatusCode::CREATED, answers.created()),
        (&Method::GET, _, "") => json(StatusCode::OK, answers.detail(id)),
        (&Method::POST, _, "timeout" | "refreshes" | "pause") | (&Method::DELETE, _, "") => done(answers),
        _ => status(StatusCode::NOT_FOUND, Bytes::new()),
    }
}

/// A body that is left unread would end the connection.
async fn drain(mut body: Incoming) {
    while !body.is_end_stream() {
        if !matches!(body.frame().await, Some(Ok(_))) {
            return;
        }
    }
}

/// As the engine answers what has no body.
fn done(answers: &Answers) -> Response<Full<Bytes>> {
    let mut response = status(StatusCode::NO_CONTENT, Bytes::new());
    response.headers_mut().insert(PREVIOUS_STATE, HeaderValue::from_static("running"));
    response.headers_mut().insert(END_AT, answers.end_at());
    response
}

fn json(code: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = status(code, body);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

fn status(code: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = code;
    response
}

#[cfg(test)]
mod tests {
    use super::route;

    #[test]
    fn a_path_says_which_sandbox_and_what_to_do_under_any_prefix() {
        assert_eq!(route("/api/v1/sandboxes"), Some(("", "")));
        assert_eq!(route("/e2b/v2/sandboxes"), Some(("", "")));
        assert_eq!(route("/sandboxes/sb-1"), Some(("sb-1", "")));
        assert_eq!(route("/api/v1/sandboxes/sb-1/timeout"), Some(("sb-1", "timeout")));
        assert_eq!(route("/daytona/sandbox/sb-1/autostop/5"), Some(("sb-1", "autostop/5")));
        assert_eq!(route("/health"), None);
    }
}
