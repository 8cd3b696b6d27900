use sandbar_protocol::{Diagnostic, ValidationError};

use crate::admission::LimitReached;
use crate::lifecycle::Refusal;
use crate::logs::LogsError;
use crate::store::StoreError;
use crate::templates::TemplateError;

/// Why the engine did not do what a client asked for.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The request breaks the contract.
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    /// There is no such sandbox, or its tombstone is gone.
    #[error("sandbox {0} does not exist: check the ID; a deleted sandbox is forgotten after 24 hours")]
    NotFound(String),
    /// The sandbox's state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It would be one sandbox too many, or one too soon.
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    /// The template can't be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The idempotency key was used by another request.
    #[error("this Idempotency-Key was used with another body: send a new key with a new request")]
    IdempotencyKeyReused,
    /// A paused sandbox did not start again; it is still paused.
    #[error("sandbox {id} did not start again and is still paused: {}", diagnostic.message)]
    ResumeFailed {
        /// The sandbox.
        id: String,
        /// Why.
        diagnostic: Diagnostic,
    },
    /// The driver could not stop or remove a runtime.
    #[error("{}", .0.message)]
    Driver(Diagnostic),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store can't be read or written.
    #[error("{}", .0.message)]
    StoreUnavailable(Diagnostic),
    /// A log can't be read.
    #[error(transparent)]
    Logs(LogsError),
    /// The engine is shutting down.
    #[error("the engine is shutting down: try again when it is back")]
    ShuttingDown,
}

impl From<LogsError> for EngineError {
    fn from(error: LogsError) -> Self {
        match error {
            LogsError::Store(error) => error.into(),
            LogsError::TimedOut => Self::Logs(error),
        }
    }
}
