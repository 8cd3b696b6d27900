//! The routes of whole files: download, upload, batches and what a model reads of them.

mod batch;
mod body;
mod compose;
mod content;
mod download;
mod folders;
mod multipart;
mod new_file;
mod range;
mod raw;
mod receive;
mod replacement;
mod source;
mod temporary;
mod upload;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};

use crate::server::Agent;
use crate::user::only_root;

pub(crate) use replacement::{Replacement, make_parents};
pub(crate) use source::open;
pub(crate) use temporary::Temporary;

/// Files are read and written in steps of this size, each on a thread that may wait for the disk.
const STEP: usize = 256 * 1024;

pub(crate) fn routes() -> Router<Agent> {
    // What is streamed to the disk has the disk's limit.
    let files = get(download::download).post(upload::upload).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/file", get(raw::read).post(raw::write))
        .route("/files", files)
        .route("/files/batch", post(batch::write))
        .route("/files/compose", post(compose::compose))
        .route("/files/content", get(content::read))
        .route("/files/folders", post(folders::make))
        .route_layer(from_fn(only_root))
}

#[cfg(feature = "fuzz")]
pub(crate) fn part_of(range: &str, size: u64) -> Option<(u64, u64)> {
    match range::wanted(range, size) {
        range::Wanted::Part { start, length } => Some((start, length)),
        range::Wanted::All | range::Wanted::Beyond => None,
    }
}

#[cfg(feature = "fuzz")]
pub(crate) fn is_batch_request(body: &[u8]) -> bool {
    batch::is_request(body)
}
