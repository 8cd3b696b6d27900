//! What the sandbox is and has: counters, variables and ports.

use axum::Router;

use crate::server::Agent;

pub(crate) fn routes() -> Router<Agent> {
    Router::new()
}
