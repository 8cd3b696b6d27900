//! `process.Process`: what runs in the sandbox, its input and its output.

use axum::Router;

use crate::server::Agent;

pub(crate) fn routes() -> Router<Agent> {
    Router::new()
}
