//! What happens in a folder, told as it happens or kept until it is asked for.
//!
//! Events are those of inotify: a file that grows is a write each time that it does, and one that gets another name goes
//! under the old one (`RENAME`) and comes under the new one (`CREATE`). A write through this API, which replaces the file,
//! shows as if it had been written in place: `WRITE`, after a `CREATE` if it is new.

mod event;
mod folder;
mod stream;
mod tree;
mod watchers;

pub(super) use stream::watch_dir;
pub(crate) use watchers::Watchers;
pub(super) use watchers::{create_watcher, get_watcher_events, remove_watcher};

use serde::Deserialize;

/// The request of both kinds of watch.
#[derive(Deserialize)]
pub(super) struct WatchRequest {
    path: String,
    recursive: Option<bool>,
}
