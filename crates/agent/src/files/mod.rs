//! The routes of whole files: download, upload, batches and what a model reads of them.

use axum::Router;

use crate::server::Agent;

pub(crate) fn routes() -> Router<Agent> {
    Router::new()
}
