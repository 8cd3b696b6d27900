//! `filesystem.Filesystem`: what is in the sandbox's file system, and what happens there.

mod accounts;
mod copy;
mod edit;
mod entry;
mod kept;
mod list_dir;
mod make_dir;
mod move_to;
mod remove;
mod stat;
mod watch;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::post;

use crate::connect::keep_time_limit;
use crate::server::Agent;
use crate::user::only_root;

pub(crate) use watch::Watchers;

pub(crate) fn routes() -> Router<Agent> {
    Router::new()
        .route("/filesystem.Filesystem/ListDir", post(list_dir::list_dir))
        .route("/filesystem.Filesystem/Stat", post(stat::stat))
        .route("/filesystem.Filesystem/MakeDir", post(make_dir::make_dir))
        .route("/filesystem.Filesystem/Remove", post(remove::remove))
        .route("/filesystem.Filesystem/Move", post(move_to::move_to))
        .route("/filesystem.Filesystem/Edit", post(edit::edit))
        .route("/filesystem.Filesystem/WatchDir", post(watch::watch_dir))
        .route("/filesystem.Filesystem/CreateWatcher", post(watch::create_watcher))
        .route("/filesystem.Filesystem/GetWatcherEvents", post(watch::get_watcher_events))
        .route("/filesystem.Filesystem/RemoveWatcher", post(watch::remove_watcher))
        .route_layer(from_fn(only_root))
        .route_layer(from_fn(keep_time_limit))
}
