//! `/proxy/{port}/…`: programs of the sandbox that listen on a port.

use axum::Router;

use crate::server::Agent;

pub(crate) fn routes() -> Router<Agent> {
    Router::new()
}
