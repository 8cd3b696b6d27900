//! What happens in a folder, told as it happens or kept until it is asked for.
//!
//! Events are those of inotify: a file that grows is a write each time that it does, and one that gets another name goes
//! under the old one (`RENAME`) and comes under the new one (`CREATE`). A file that replaces another, as editors, `sed -i`
//! and writes through this API have it, shows as if that one had been written in place: `WRITE`.

mod event;
mod folder;
mod names;
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
