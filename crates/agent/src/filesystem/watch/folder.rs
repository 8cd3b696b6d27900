use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::event::Event;
use super::tree::{After, Descriptor, Tree};
use crate::blocking::blocking;
use crate::problem::Problem;

/// A folder under watch. Dropped, it is no longer.
pub(super) struct WatchedFolder {
    ready: AsyncFd<Arc<Descriptor>>,
    /// Away while it reads, and gone after the end.
    tree: Option<Tree>,
}

impl WatchedFolder {
    /// From here on all is told.
    pub(super) async fn begin(path: PathBuf, recursive: bool) -> Result<Self, Problem> {
        let tree = blocking(move || Tree::begin(&path, recursive)).await?;
        #[expect(
            deprecated,
            reason = "its successor is `unsafe`; what it asks for holds: the descriptor stays open with us"
        )]
        let ready = AsyncFd::with_interest(tree.descriptor(), Interest::READABLE);
        let ready = ready.map_err(|error| Problem::internal(format!("can't wait for events: {error}")))?;
        Ok(Self { ready, tree: Some(tree) })
    }

    /// The next events, at least one; none when the folder is gone. After an error there is no more.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Event>>, Problem> {
        loop {
            let ready = self.ready.readable().await;
            let mut ready = ready.map_err(|error| Problem::internal(format!("can't wait for events: {error}")))?;
            let Some(mut tree) = self.tree.take() else { return Ok(None) };
            // Folders that come are looked through, which may wait for the disk.
            let (tree, read) = blocking(move || {
                let read = tree.read();
                Ok((tree, read))
            })
            .await?;
            match read.after {
                After::More => self.tree = Some(tree),
                After::Quiet => {
                    ready.clear_ready();
                    self.tree = Some(tree);
                }
                After::Gone => {}
                After::Failed(problem) => return Err(problem),
            }
            if !read.events.is_empty() {
                return Ok(Some(read.events));
            }
        }
    }
}
