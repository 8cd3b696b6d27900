//! `POST /run`: runs a command to its end and answers with what it printed.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::State;
use axum::middleware::from_fn;
use axum::routing::post;
use axum::{Json, Router};
use sandbar_protocol::{RunRequest, RunResponse, whole_characters};
use tokio::io::AsyncWriteExt;
use tokio::process::Child;

use crate::command::{Description, NotStarted, exit_code};
use crate::connect::Unary;
use crate::environment::Environment;
use crate::log::{Log, Stream};
use crate::problem::Problem;
use crate::process::{Pumps, Sink, Tree, outputs_of, start_apart, time_limit, timed_out};
use crate::server::Agent;
use crate::user::only_root;

/// What is kept of each output stream; the rest is read and dropped, so that the command goes on.
const MAX_OUTPUT_BYTES: usize = 4 * 1024 * 1024;

pub(crate) fn routes() -> Router<Agent> {
    Router::new().route("/run", post(run_command)).route_layer(from_fn(only_root))
}

/// POST /run
async fn run_command(
    State(agent): State<Agent>,
    Unary(request): Unary<RunRequest>,
) -> Result<Json<RunResponse>, Problem> {
    describe(&request).check()?;
    run(request, &agent.environment, &agent.log).await.map(Json)
}

fn describe(request: &RunRequest) -> Description<'_> {
    Description {
        cmd: &request.cmd,
        args: request.args.as_deref().unwrap_or_default(),
        cwd: request.cwd.as_deref(),
        variables_field: "env",
        variables: request.env.as_ref(),
    }
}

/// Runs the command; what it prints goes into the log as well. Dropping the future kills it with all it has started.
async fn run(request: RunRequest, environment: &Environment, log: &Log) -> Result<RunResponse, Problem> {
    let begun = Instant::now();
    let mut response = match start(&request, environment) {
        Ok(child) => finish(child, request, log).await,
        Err(why) => match why.exit_code() {
            Some(exit_code) => RunResponse { exit_code, error: Some(why.message()), ..RunResponse::default() },
            None => return Err(why.into()),
        },
    };
    response.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(response)
}

fn start(request: &RunRequest, environment: &Environment) -> Result<Child, NotStarted> {
    let description = describe(request);
    let mut command = description.command(environment)?;
    if request.stdin.is_some() {
        command.stdin(Stdio::piped());
    }
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    start_apart(|| command.spawn()).map_err(|error| description.not_started(&error))
}

async fn finish(mut child: Child, request: RunRequest, log: &Log) -> RunResponse {
    let mut tree = KilledOnDrop(child.id().and_then(|pid| Tree::new(pid, outputs_of(&child))));
    let limit = time_limit(request.timeout_ms, request.timeout);
    let (stdout, stderr) = (Capture::default(), Capture::default());
    let mut pumps = Pumps::new();
    if let Some(pipe) = child.stdout.take() {
        pumps.start(pipe, Some(log.of(Stream::Out)), stdout.clone());
    }
    if let Some(pipe) = child.stderr.take() {
        pumps.start(pipe, Some(log.of(Stream::Err)), stderr.clone());
    }
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), request.stdin) {
        // Beside the command, which may print before it reads; one that does not read is no error.
        tokio::spawn(async move { pipe.write_all(text.as_bytes()).await });
    }
    let ended = match limit {
        Some(limit) => tokio::time::timeout(limit, child.wait()).await.ok(),
        None => Some(child.wait().await),
    };
    let killed_after = if ended.is_none() { limit } else { None };
    let status = match ended {
        Some(status) => status,
        None => {
            tree.kill();
            child.wait().await
        }
    };
    pumps.end().await;
    tree.release();
    let (stdout, stdout_cut) = stdout.take_text();
    let (stderr, stderr_cut) = stderr.take_text();
    let error = if let Some(limit) = killed_after {
        Some(timed_out(limit))
    } else if stdout_cut || stderr_cut {
        Some(format!("output was cut off at {MAX_OUTPUT_BYTES} bytes: write it to a file instead"))
    } else {
        status.as_ref().err().map(|error| format!("its end is not known: {error}"))
    };
    let exit_code = status.map_or(-1, exit_code);
    RunResponse { stdout, stderr, exit_code, duration_ms: 0, error, truncated: stdout_cut || stderr_cut }
}

/// Kills a command with all it has started, unless it came to its end.
struct KilledOnDrop(Option<Tree>);

impl KilledOnDrop {
    fn kill(&mut self) {
        if let Some(tree) = self.0.take() {
            tree.kill();
        }
    }

    /// Lets what the command left in the background live on.
    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The beginning of an output, and whether there was more.
#[derive(Clone, Default)]
struct Capture(Arc<Mutex<(Vec<u8>, bool)>>);

impl Sink for Capture {
    async fn take(&mut self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_OUTPUT_BYTES.saturating_sub(kept.0.len()).min(bytes.len());
        kept.0.extend(bytes.iter().take(room));
        kept.1 |= room < bytes.len();
    }
}

impl Capture {
    fn take_text(self) -> (String, bool) {
        let (mut bytes, cut) = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if cut {
            bytes.truncate(whole_characters(&bytes));
        }
        (String::from_utf8_lossy(&bytes).into_owned(), cut)
    }
}
