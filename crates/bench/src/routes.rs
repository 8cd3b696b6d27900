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
    let e2b = path.starts_with("/e2b/");
    let route = path.find("/sandboxes").map(|at| &path[at + "/sandboxes".len()..]);
    let route = route.map(|rest| rest.strip_prefix('/').unwrap_or(rest));
    let mut response = match (&parts.method, route.map(|rest| rest.split_once('/').unwrap_or((rest, "")))) {
        (&Method::POST, Some(("", ""))) if e2b => json(StatusCode::CREATED, answers.e2b_created()),
        (&Method::POST, Some(("", ""))) => json(StatusCode::CREATED, answers.created()),
        (&Method::GET, Some((id, ""))) if e2b => json(StatusCode::OK, answers.e2b_detail(id)),
        (&Method::GET, Some((id, ""))) => json(StatusCode::OK, answers.detail(id)),
        (&Method::POST, Some((_, "timeout" | "refreshes" | "pause"))) | (&Method::DELETE, Some((_, ""))) => {
            done(answers)
        }
        _ => status(StatusCode::NOT_FOUND, Bytes::new()),
    };
    if let Some(id) = parts.headers.get(REQUEST_ID) {
        response.headers_mut().insert(REQUEST_ID, id.clone());
    }
    response
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
