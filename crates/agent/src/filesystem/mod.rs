//! `filesystem.Filesystem`: what is in the sandbox's file system, and what happens there.

use axum::Router;

use crate::server::Agent;

pub(crate) fn routes() -> Router<Agent> {
    Router::new()
}
