use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sandbar_protocol::RuntimeError;

use crate::lifecycle::SandboxRecord;

/// Why the engine does not pass a request on, in the runtime API's own shape.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 404
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "sandbox_not_found", "there is no such sandbox")
    }

    /// 400
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_argument", message)
    }

    /// 401
    pub(super) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
    }

    /// 409
    pub(super) fn not_active(record: &SandboxRecord) -> Self {
        let state = record.state.public();
        let message = format!("sandbox {} is {state}: connect() makes a paused one usable", record.id);
        Self::new(StatusCode::CONFLICT, "failed_precondition", message)
    }

    /// 500
    pub(super) fn store_failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the engine's store failed")
    }

    /// 502
    pub(super) fn no_answer() -> Self {
        let message = "the sandbox's agent did not answer as agents do: the sandbox may be ending, read its detail";
        Self::new(StatusCode::BAD_GATEWAY, "unavailable", message)
    }

    /// 503
    pub(super) fn too_many_connections() -> Self {
        let message =
            "the engine has as many connections to sandboxes as it may: try again, or raise --max-connections";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "resource_exhausted", message)
    }

    #[cfg(test)]
    pub(super) fn told(&self) -> (u16, &str) {
        (self.status.as_u16(), &self.message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = RuntimeError { code: self.code.to_owned(), message: self.message };
        (self.status, axum::Json(error)).into_response()
    }
}
