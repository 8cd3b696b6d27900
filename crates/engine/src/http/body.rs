use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde_json::Value;
use tokio::time::timeout;

use super::problem::Problem;

/// How long a body may take to come: it has at most 1 MiB.
const MAX_TIME: Duration = Duration::from_secs(30);

/// A JSON body; an empty one is an empty object, as clients send it to calls whose fields are all optional.
pub(super) struct JsonBody(pub(super) Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = timeout(MAX_TIME, Bytes::from_request(request, state)).await.map_err(|_| {
            let message = format!("the body did not come within {} s", MAX_TIME.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
        })?;
        let bytes = bytes.map_err(|refusal| {
            let status = refusal.status();
            let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "body_too_large" } else { "invalid_request" };
            Problem::new(status, code, format!("the body could not be read: {}", refusal.body_text()))
        })?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Value::Object(serde_json::Map::new())));
        }
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(Problem::bad_request(format!("the body is not JSON: {error}"))),
        }
    }
}
