use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::arguments::WatchCall;
use crate::runtime::call::RuntimeRequest;
use crate::runtime::frames::Frames;
use crate::{CallOptions, ClientError, Runtime};

/// What happens in a directory, from the moment on that the watch was made. Dropping it ends it.
#[derive(Debug)]
pub struct DirWatch {
    frames: Frames,
    runtime: Runtime,
    /// When it ends by itself.
    until: Option<Instant>,
}

/// Something that happened in a watched directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirEvent {
    /// The path, relative to the watched directory.
    #[serde(default)]
    pub name: String,
    /// What happened to it.
    #[serde(rename = "type")]
    pub kind: DirEventKind,
}

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DirEventKind {
    /// It is new.
    #[serde(rename(serialize = "create", deserialize = "EVENT_TYPE_CREATE"))]
    Create,
    /// Its content changed.
    #[serde(rename(serialize = "write", deserialize = "EVENT_TYPE_WRITE"))]
    Write,
    /// It is gone.
    #[serde(rename(serialize = "remove", deserialize = "EVENT_TYPE_REMOVE"))]
    Remove,
    /// It was moved away; where it was moved to is new.
    #[serde(rename(serialize = "rename", deserialize = "EVENT_TYPE_RENAME"))]
    Rename,
    /// Its mode or owner changed.
    #[serde(rename(serialize = "chmod", deserialize = "EVENT_TYPE_CHMOD"))]
    Chmod,
    /// What this version does not know, and leaves out.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct WatchMessage {
    #[serde(default)]
    filesystem: Option<DirEvent>,
    #[serde(default)]
    start: Option<Value>,
}

impl Runtime {
    /// Watches a directory. What happens after this has returned is told.
    ///
    /// # Errors
    /// As every call; 404 if there is no such directory.
    ///
    /// Route: `POST {envdUrl}/filesystem.Filesystem/WatchDir`.
    pub async fn watch_dir(&self, watch: &WatchCall, call: &CallOptions) -> Result<DirWatch, ClientError> {
        let body = json!({ "path": watch.path, "recursive": watch.recursive });
        let request = RuntimeRequest::post("/filesystem.Filesystem/WatchDir").json(&body);
        let mut frames = self.frames(request, call).await?;
        loop {
            match frames.next::<WatchMessage>().await {
                Ok(Some(message)) if message.start.is_none() => {}
                Ok(_) => break,
                Err(error) => return Err(self.explained(error, call).await),
            }
        }
        Ok(DirWatch { frames, runtime: self.clone(), until: watch.limit.map(|limit| Instant::now() + limit) })
    }
}

impl DirWatch {
    /// The next event; `None` if the directory is gone, or the time is over. A call that is dropped before it is done loses nothing.
    ///
    /// # Errors
    /// [`ClientError::Transport`] if the connection is lost, [`ClientError::Api`] if events were lost,
    /// [`ClientError::NotRunning`] if the sandbox has ended.
    pub async fn next(&mut self) -> Result<Option<DirEvent>, ClientError> {
        while let Some(message) = self.message().await? {
            if let Some(event) = message.filesystem.filter(|event| event.kind != DirEventKind::Other) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    async fn message(&mut self) -> Result<Option<WatchMessage>, ClientError> {
        let next = match self.until {
            Some(until) => timeout_at(until, self.frames.next()).await.unwrap_or(Ok(None)),
            None => self.frames.next().await,
        };
        match next {
            Err(error) => Err(self.runtime.explained(error, &CallOptions::new()).await),
            next => next,
        }
    }
}
