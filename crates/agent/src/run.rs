//! `POST /run`: runs a command to its end and answers with what it printed.

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use sandbar_protocol::{RunRequest, RunResponse};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::command::{Group, exit_code, program, shell, working_dir};
use crate::connect::Unary;
use crate::environment::Environment;
use crate::log::{Lines, Log, Stream};
use crate::problem::Problem;
use crate::server::Agent;

/// What is kept of each output stream; the rest is read and dropped, so that the command goes on.
const MAX_OUTPUT_BYTES: usize = 4 * 1024 * 1024;
/// How long after the command's end its background children may still add output.
const BACKGROUND_GRACE: Duration = Duration::from_millis(100);

pub(crate) fn routes() -> Router<Agent> {
    Router::new().route("/run", post(run_command))
}

/// POST /run
async fn run_command(
    State(agent): State<Agent>,
    Unary(request): Unary<RunRequest>,
) -> Result<Json<RunResponse>, Problem> {
    if request.cmd.is_empty() {
        return Err(Problem::invalid("`cmd` is empty: pass a command line"));
    }
    Ok(Json(run(request, &agent.environment, &agent.log).await))
}

/// Runs the command; what it prints goes into the log as well. Dropping the future kills it with all it has started.
async fn run(request: RunRequest, environment: &Environment, log: &Log) -> RunResponse {
    let begun = Instant::now();
    let mut response = match start(&request, environment) {
        Ok(child) => finish(child, &request, log).await,
        Err(refused) => refused,
    };
    response.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    response
}

fn start(request: &RunRequest, environment: &Environment) -> Result<Child, RunResponse> {
    let refused = |exit_code, error| RunResponse { exit_code, error: Some(error), ..RunResponse::default() };
    let cwd = working_dir(request.cwd.as_deref(), environment);
    if !cwd.is_dir() {
        return Err(refused(-1, format!("the working directory {} does not exist: make it first", cwd.display())));
    }
    let mut command = command(request, environment);
    command.current_dir(cwd).spawn().map_err(|error| match error.kind() {
        // As shells have it.
        io::ErrorKind::NotFound => refused(127, format!("{:?} was not found in the sandbox", request.cmd)),
        io::ErrorKind::PermissionDenied => refused(126, format!("{:?} can't be executed", request.cmd)),
        _ => refused(-1, format!("{:?} did not start: {error}", request.cmd)),
    })
}

fn command(request: &RunRequest, environment: &Environment) -> Command {
    // No arguments are none that were given: clients of other languages always send the list.
    let mut command = match request.args.as_deref() {
        Some(args @ [_, ..]) => program(&request.cmd, args, environment),
        _ => shell(&request.cmd, environment),
    };
    for (name, value) in request.env.iter().flatten() {
        command.env(name, value.expose());
    }
    if request.stdin.is_some() {
        command.stdin(Stdio::piped());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn finish(mut child: Child, request: &RunRequest, log: &Log) -> RunResponse {
    let mut group = Group::of(&child);
    let mut stdout = Capture::start(child.stdout.take(), log.of(Stream::Out));
    let mut stderr = Capture::start(child.stderr.take(), log.of(Stream::Err));
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), request.stdin.clone()) {
        // Beside the command, which may print before it reads; one that does not read is no error.
        tokio::spawn(async move { pipe.write_all(text.as_bytes()).await });
    }
    let limit = limit(request);
    let ended = match limit {
        Some(limit) => tokio::time::timeout(limit, child.wait()).await.ok(),
        None => Some(child.wait().await),
    };
    let timed_out = ended.is_none();
    if timed_out {
        group.kill();
    }
    let status = match ended {
        Some(status) => status,
        None => child.wait().await,
    };
    let _ = tokio::time::timeout(BACKGROUND_GRACE, async { tokio::join!(stdout.ended(), stderr.ended()) }).await;
    group.release();
    let (stdout, stdout_cut) = stdout.take();
    let (stderr, stderr_cut) = stderr.take();
    let error = if let (true, Some(limit)) = (timed_out, limit) {
        Some(format!("timed out after {} ms and was killed", limit.as_millis()))
    } else if stdout_cut || stderr_cut {
        Some(format!("output was cut off at {MAX_OUTPUT_BYTES} bytes: write it to a file instead"))
    } else {
        status.as_ref().err().map(|error| format!("its end is not known: {error}"))
    };
    let exit_code = status.map_or(-1, exit_code);
    RunResponse { stdout, stderr, exit_code, duration_ms: 0, error }
}

fn limit(request: &RunRequest) -> Option<Duration> {
    let older = || request.timeout.and_then(|secs| Duration::try_from_secs_f64(secs).ok());
    request.timeout_ms.map(Duration::from_millis).or_else(older).filter(|limit| !limit.is_zero())
}

/// Reads an output stream beside the command.
struct Capture {
    kept: Arc<Mutex<(Vec<u8>, bool)>>,
    reader: JoinHandle<()>,
}

impl Capture {
    fn start(stream: Option<impl AsyncRead + Unpin + Send + 'static>, mut lines: Lines) -> Self {
        let kept = Arc::new(Mutex::new((Vec::new(), false)));
        let target = kept.clone();
        let reader = tokio::spawn(async move {
            let Some(mut stream) = stream else { return };
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                lines.push(&buffer[..count]);
                let mut kept = target.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MAX_OUTPUT_BYTES.saturating_sub(kept.0.len()).min(count);
                kept.0.extend(buffer.iter().take(room));
                kept.1 |= room < count;
            }
        });
        Self { kept, reader }
    }

    async fn ended(&mut self) {
        let _ = (&mut self.reader).await;
    }

    fn take(self) -> (String, bool) {
        // A background child may hold the pipe for ever.
        self.reader.abort();
        let (bytes, cut) = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        (String::from_utf8_lossy(&bytes).into_owned(), cut)
    }
}
