use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::WatchRequest;
use super::folder::WatchedFolder;
use crate::connect::{StreamRequest, stream};
use crate::paths::resolve;
use crate::problem::Problem;
use crate::server::Agent;

/// Events that wait for the caller here; more wait in the system's own queue.
const QUEUE: usize = 64;

/// POST /filesystem.Filesystem/WatchDir
pub(crate) async fn watch_dir(
    State(agent): State<Agent>,
    StreamRequest(request): StreamRequest<WatchRequest>,
) -> Result<Response, Problem> {
    let path = resolve(&request.path, &agent.environment)?;
    let folder = WatchedFolder::begin(path, request.recursive.unwrap_or_default()).await?;
    let (sender, events) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = tell(folder, &sender) => {}
        }
    });
    Ok(stream(events, json!({ "keepalive": {} })))
}

/// Tells what happens until the folder is gone. A caller that went away is found elsewhere.
async fn tell(mut folder: WatchedFolder, sender: &mpsc::Sender<Result<Value, Problem>>) {
    let _ = sender.send(Ok(json!({ "start": {} }))).await;
    loop {
        match folder.next().await {
            Ok(Some(events)) => {
                for event in events {
                    let _ = sender.send(Ok(json!({ "filesystem": event }))).await;
                }
            }
            Ok(None) => return,
            Err(problem) => {
                let _ = sender.send(Err(problem)).await;
                return;
            }
        }
    }
}
