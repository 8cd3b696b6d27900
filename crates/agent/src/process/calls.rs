use axum::extract::State;
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Json, Router};
use nix::sys::signal::Signal;
use serde_json::{Map, Value, json};

use super::follow::follow;
use super::output::Kind;
use super::request::{GetResultRequest, OneProcess, SendInputRequest, SendSignalRequest, StartRequest, UpdateRequest};
use super::stream_input::stream_input;
use super::{end, signal};
use crate::connect::{StreamRequest, TimeLimit, Unary, keep_time_limit};
use crate::problem::Problem;
use crate::server::Agent;
use crate::user::only_root;

pub(crate) fn routes() -> Router<Agent> {
    Router::new()
        .route("/process.Process/Start", post(start))
        .route("/process.Process/Connect", post(connect))
        .route("/process.Process/List", post(list))
        .route("/process.Process/SendInput", post(send_input))
        .route("/process.Process/StreamInput", post(stream_input))
        .route("/process.Process/CloseStdin", post(close_stdin))
        .route("/process.Process/SendSignal", post(send_signal))
        .route("/process.Process/Update", post(update))
        .route("/process.Process/GetResult", post(get_result))
        .route_layer(from_fn(only_root))
        .route_layer(from_fn(keep_time_limit))
}

/// POST /process.Process/Start
async fn start(
    State(agent): State<Agent>,
    call_limit: Option<Extension<TimeLimit>>,
    StreamRequest(mut request): StreamRequest<StartRequest>,
) -> Result<Response, Problem> {
    // As the public service does it: a process ends with the call that gave it that long.
    request.call_limit = call_limit.map(|Extension(TimeLimit(limit))| limit);
    agent.processes.start(request, &agent.environment, &agent.log).map(follow)
}

/// POST /process.Process/Connect
async fn connect(
    State(agent): State<Agent>,
    StreamRequest(request): StreamRequest<OneProcess>,
) -> Result<Response, Problem> {
    agent.processes.find(&request.process).map(follow)
}

/// POST /process.Process/List
async fn list(State(agent): State<Agent>, _: Unary<Map<String, Value>>) -> Json<Value> {
    let running = agent.processes.running();
    let processes: Vec<Value> = running
        .iter()
        .map(|process| {
            let mut shown = json!({ "pid": process.pid, "config": process.config, "cmdId": process.cmd_id });
            if let (Some(tag), Some(shown)) = (&process.tag, shown.as_object_mut()) {
                shown.insert("tag".to_owned(), json!(tag));
            }
            shown
        })
        .collect();
    Json(json!({ "processes": processes }))
}

/// POST /process.Process/SendInput
async fn send_input(
    State(agent): State<Agent>,
    Unary(request): Unary<SendInputRequest>,
) -> Result<Json<Value>, Problem> {
    let bytes = request.input.bytes()?;
    let process = agent.processes.find_running(&request.process)?;
    if request.partial {
        let written = process.input.send_some(&bytes).await?;
        return Ok(Json(json!({ "written": written })));
    }
    process.input.send(&bytes).await?;
    Ok(Json(json!({})))
}

/// POST /process.Process/CloseStdin
async fn close_stdin(State(agent): State<Agent>, Unary(request): Unary<OneProcess>) -> Result<Json<Value>, Problem> {
    agent.processes.find_running(&request.process)?.input.close().await?;
    Ok(Json(json!({})))
}

/// POST /process.Process/SendSignal
async fn send_signal(
    State(agent): State<Agent>,
    Unary(request): Unary<SendSignalRequest>,
) -> Result<Json<Value>, Problem> {
    let signal: Signal = signal::parse(&request.signal)?;
    agent.processes.find_running(&request.process)?.signal(signal).await?;
    Ok(Json(json!({})))
}

/// POST /process.Process/Update
async fn update(State(agent): State<Agent>, Unary(request): Unary<UpdateRequest>) -> Result<Json<Value>, Problem> {
    let pty = request.pty.filter(|pty| pty.size.is_some());
    let pty = pty.ok_or_else(|| Problem::invalid("`pty.size` is missing: pass the terminal's new size"))?;
    let size = pty.size()?;
    agent.processes.find_running(&request.process)?.input.resize(size)?;
    Ok(Json(json!({})))
}

/// POST /process.Process/GetResult
async fn get_result(
    State(agent): State<Agent>,
    Unary(request): Unary<GetResultRequest>,
) -> Result<Json<Value>, Problem> {
    if request.cmd_id.is_empty() {
        return Err(Problem::invalid("`cmdId` is empty: pass the one from the `start` event"));
    }
    let process = agent.processes.find_command(&request.cmd_id)?;
    let Some(end::End { exit_code, error, .. }) = process.output.end() else {
        return Err(Problem::not_found(format!("process {} has not finished: wait for its `end` event", process.pid)));
    };
    let dropped = process.output.dropped();
    let dropped = (dropped > 0).then(|| format!("the first {dropped} bytes of output were not kept"));
    let mut result = json!({
        "exitCode": exit_code,
        "stdout": process.output.text(Kind::Stdout),
        "stderr": process.output.text(Kind::Stderr),
        "startedAtUnix": process.started_at_unix,
    });
    if dropped.is_some() {
        result["truncated"] = json!(true);
    }
    if let (Some(error), Some(result)) = (error.or(dropped), result.as_object_mut()) {
        result.insert("error".to_owned(), json!(error));
    }
    Ok(Json(result))
}
