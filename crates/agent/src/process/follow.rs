use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::output::{Follower, Kind, Piece};
use super::request::encode;
use super::running::Process;
use crate::connect::stream;
use crate::problem::Problem;

/// Events that wait for the client, beside those in the connection's own buffers.
const QUEUE: usize = 1;

/// The stream of a process's events: its start, all output that is kept, what comes, and its end.
pub(super) fn follow(process: Arc<Process>) -> Response {
    let (sender, events) = mpsc::channel(QUEUE);
    // From here on nothing is dropped before it is read.
    let follower = process.output.follow();
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            _ = tell(&process, follower, &sender) => {}
        }
    });
    stream(events, json!({ "event": { "keepalive": {} } }))
}

async fn tell(
    process: &Process,
    mut follower: Follower,
    sender: &mpsc::Sender<Result<Value, Problem>>,
) -> Result<(), mpsc::error::SendError<Result<Value, Problem>>> {
    let start = json!({ "pid": process.pid, "cmdId": process.cmd_id });
    sender.send(Ok(json!({ "event": { "start": start } }))).await?;
    loop {
        match follower.next().await {
            Piece::Data(kind, bytes) => {
                let name = match kind {
                    Kind::Stdout => "stdout",
                    Kind::Stderr => "stderr",
                    Kind::Pty => "pty",
                };
                sender.send(Ok(json!({ "event": { "data": { name: encode(&bytes) } } }))).await?;
            }
            Piece::End { mut end, lost } => {
                if lost > 0 {
                    end.truncated = true;
                    let missing = format!("{lost} bytes of output were lost: this stream was not read for too long");
                    end.error = Some(end.error.map_or_else(|| missing.clone(), |error| format!("{error}; {missing}")));
                }
                return sender.send(Ok(json!({ "event": { "end": end } }))).await;
            }
        }
    }
}
