//! `filesystem.Filesystem`: what is in the sandbox's file system, and what happens there.

mod accounts;
mod entry;
mod list_dir;
mod stat;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::post;

use crate::server::Agent;
use crate::user::only_root;

pub(crate) fn routes() -> Router<Agent> {
    Router::new()
        .route("/filesystem.Filesystem/ListDir", post(list_dir::list_dir))
        .route("/filesystem.Filesystem/Stat", post(stat::stat))
        .route_layer(from_fn(only_root))
}
