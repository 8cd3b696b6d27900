use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sandbar_http_server::Crowded;

use super::problem::Problem;

/// Refuses requests that came over the limit of connections, but for health checks.
pub(super) async fn refuse_crowded(request: Request, next: Next) -> Response {
    if request.extensions().get::<Crowded>().is_none() || request.uri().path() == "/health" {
        return next.run(request).await;
    }
    let message =
        "the engine has as many connections as it may, and all are in use: try again, or raise --max-connections";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_connections", message).retry_after(1).into_response()
}
