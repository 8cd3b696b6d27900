use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sandbar_protocol::{ErrorBody, ErrorInfo, PublicState};
use serde_json::{Value, json};

use crate::admission::LimitReached;
use crate::error::EngineError;
use crate::lifecycle::Refusal;
use crate::store::StoreError;
use crate::templates::TemplateError;

/// An error on its way out. It rides on the response until the request's name is known, then becomes its body.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Option<Value>,
    retry_after_secs: Option<u64>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: None, retry_after_secs: None }
    }

    fn with(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// When waiting helps.
    pub(super) fn retry_after(self, secs: u64) -> Self {
        Self { retry_after_secs: Some(secs), ..self }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(super) fn no_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "route_not_found",
            "there is no such route: the API is under /api/v1, and without it as well",
        )
    }

    pub(super) fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this route does not take this method")
    }

    fn limit_reached(message: String, LimitReached { metric, usage, retry_after }: LimitReached) -> Self {
        let mut details = json!(usage);
        details["reason"] = json!("usage_limit");
        details["resource"] = json!("sandboxes");
        details["metric"] = json!(metric.name());
        details["usageEndpoint"] = json!("/api/v1/usage/limits");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "usage_limit", message).with(details);
        // Whole seconds, and not too early.
        Self { retry_after_secs: retry_after.map(|wait| wait.as_secs() + 1), ..problem }
    }

    /// Nothing that would be better at the next attempt.
    fn unusable_template(message: String, error: &TemplateError) -> Self {
        let code = match error {
            TemplateError::PythonMissing { .. } => "python_missing",
            TemplateError::Rootfs { .. } => "rootfs_broken",
            _ => "template_broken",
        };
        let details = json!({ "diagnostic": error.diagnostic() });
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message).with(details)
    }

    pub(super) fn body(self, status: StatusCode, request_id: &str) -> ErrorBody {
        let error = ErrorInfo { code: self.code.to_owned(), message: self.message.clone() };
        let request_id = request_id.to_owned();
        ErrorBody { code: status.as_u16(), message: self.message, request_id, error, details: self.details }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(secs) = self.retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, secs.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::Invalid(invalid) => Self::bad_request(message).with(json!({ "field": invalid.field })),
            EngineError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "sandbox_not_found", message),
            EngineError::Refused(Refusal::Deleted { .. }) => {
                Self::new(StatusCode::NOT_FOUND, "sandbox_not_found", message)
                    .with(json!({ "state": PublicState::Deleted }))
            }
            EngineError::Refused(Refusal::Conflict { state, diagnostic, .. }) => {
                let code = if state.is_failed() { "sandbox_failed" } else { "sandbox_paused" };
                Self::new(StatusCode::CONFLICT, code, message).with(json!({ "state": state, "diagnostic": diagnostic }))
            }
            EngineError::ResumeFailed { diagnostic, .. } => {
                Self::new(StatusCode::CONFLICT, "sandbox_resume_failed", message)
                    .with(json!({ "state": PublicState::Paused, "diagnostic": diagnostic }))
            }
            EngineError::LimitReached(reached) => Self::limit_reached(message, reached),
            EngineError::Template(TemplateError::NotFound { known, meant, .. }) => {
                Self::new(StatusCode::NOT_FOUND, "template_not_found", message)
                    .with(json!({ "known": known, "didYouMean": meant }))
            }
            EngineError::Template(unusable) => Self::unusable_template(message, &unusable),
            EngineError::IdempotencyKeyReused => Self::new(StatusCode::CONFLICT, "idempotency_key_reused", message),
            EngineError::Driver(diagnostic) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "runtime_error", message)
                .with(json!({ "diagnostic": diagnostic })),
            EngineError::Store(error) if error.is_closed() => EngineError::ShuttingDown.into(),
            EngineError::Store(error) if error.is_disk_full() => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "disk_full",
                "the data folder's disk is full, nothing was stored: delete sandboxes that are not needed, or make room",
            ),
            EngineError::Store(StoreError::Unreadable(record)) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "record_unreadable",
                format!("the record of sandbox {} can't be read, its files are kept: GET /health says more", record.id),
            ),
            EngineError::Store(_) => {
                tracing::error!("{message}");
                let message = "the engine's store failed: its log says why";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store_failed", message)
            }
            EngineError::StoreUnavailable(diagnostic) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_failed",
                "the engine's store failed: its log says why",
            )
            .with(json!({ "recommendation": diagnostic.recommendation })),
            EngineError::Logs(_) => Self {
                retry_after_secs: Some(1),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "logs_unavailable", message)
            },
            EngineError::ShuttingDown => Self::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", message),
        }
    }
}
