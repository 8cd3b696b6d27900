use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::mpsc;

use super::request::StreamInputFrame;
use super::running::Process;
use crate::connect::{Decoder, Frame, stream};
use crate::problem::Problem;
use crate::server::Agent;

/// POST /process.Process/StreamInput
pub(super) async fn stream_input(State(agent): State<Agent>, body: Body) -> Result<Response, Problem> {
    let mut body = body.into_data_stream();
    let mut decoder = Decoder::default();
    let mut process = None;
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| Problem::invalid(format!("the body can't be read: {error}")))?;
        decoder.push(&bytes);
        while let Some(frame) = decoder.next()? {
            take(&frame, &mut process, &agent).await?;
        }
    }
    if decoder.is_cut() {
        return Err(Problem::invalid("the last frame is cut off: its length says more bytes than there are"));
    }
    if process.is_none() {
        return Err(Problem::invalid("no frame has a `start`: the first one names the process"));
    }
    let (sender, answer) = mpsc::channel(1);
    // There is room for it.
    let _ = sender.try_send(Ok(json!({})));
    Ok(stream(answer, json!({})))
}

async fn take(frame: &Frame, process: &mut Option<Arc<Process>>, agent: &Agent) -> Result<(), Problem> {
    if frame.is_end {
        return Ok(());
    }
    let message: StreamInputFrame = serde_json::from_slice(&frame.payload)
        .map_err(|error| Problem::invalid(format!("the frame is not what this route takes: {error}")))?;
    if let Some(start) = message.start {
        *process = Some(agent.processes.find_running(&start.process)?);
    }
    let Some(data) = message.data else { return Ok(()) };
    let Some(process) = process else {
        return Err(Problem::invalid("a frame with `data` came before the one with `start`, which names the process"));
    };
    // The stream may wait as long as its caller does: what follows is not read before.
    process.input.send_all(&data.input.bytes()?).await
}
