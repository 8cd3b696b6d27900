use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sandbar_protocol::API_KEY_HEADER;
use subtle::ConstantTimeEq;

use super::App;
use super::problem::Problem;

/// Lets through who has the API key, as `X-API-Key` or as a bearer token.
pub(super) async fn require_key(State(app): State<App>, request: Request, next: Next) -> Response {
    let way_out = "send it as X-API-Key";
    let message = match given(request.headers()) {
        None => format!("no API key was sent: {way_out}"),
        Some(key) if same(key, app.api_key.expose()) => return next.run(request).await,
        Some(_) => "the API key is wrong: use the one that the engine was started with or printed".to_owned(),
    };
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response()
}

fn given(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers.get(API_KEY_HEADER) {
        return key.to_str().ok().or(Some(""));
    }
    bearer(headers)
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// Compares secrets in a time that tells nothing of where they differ.
pub(super) fn same(given: &str, expected: &str) -> bool {
    given.as_bytes().ct_eq(expected.as_bytes()).into()
}
