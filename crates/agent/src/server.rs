use std::io;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, body::Bytes};
use sandbar_protocol::{Health, HeartbeatStatus, RunRequest, RuntimeError};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::watch;

use crate::environment::Environment;
use crate::log::Log;
use crate::run::run;

const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
const MAX_WAIT: Duration = Duration::from_secs(600);

#[derive(Clone)]
struct Agent {
    environment: Environment,
    health: watch::Receiver<Health>,
    log: Log,
}

/// Serves until the sandbox ends.
pub(crate) async fn serve(
    listener: UnixListener,
    environment: Environment,
    health: watch::Receiver<Health>,
) -> io::Result<()> {
    let router = Router::new()
        .route("/", get(about))
        .route("/health", get(health_now))
        .route("/run", post(run_command))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, "unimplemented", "there is no such route") })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Agent { environment, health, log: Log::start() });
    axum::serve(listener, router).await
}

/// GET /
async fn about() -> Json<Value> {
    Json(json!({ "name": "sandbar-agent", "version": env!("CARGO_PKG_VERSION") }))
}

#[derive(Deserialize)]
struct HealthQuery {
    /// How long to wait for the start to end, in milliseconds; default 0.
    #[serde(default)]
    wait: u64,
}

/// GET /health
async fn health_now(State(mut agent): State<Agent>, Query(query): Query<HealthQuery>) -> Response {
    let wait = Duration::from_millis(query.wait).min(MAX_WAIT);
    let ended = agent.health.wait_for(|health| health.status != HeartbeatStatus::Starting);
    let _ = tokio::time::timeout(wait, ended).await;
    let health = agent.health.borrow().clone();
    let healthy = health.status == HeartbeatStatus::Healthy;
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

/// POST /run
async fn run_command(State(agent): State<Agent>, body: Bytes) -> Response {
    let request: RunRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let message = format!("the body must be {{cmd, args?, cwd?, env?, timeoutMs?, stdin?}}: {error}");
            return refuse(StatusCode::BAD_REQUEST, "invalid_argument", &message);
        }
    };
    if request.cmd.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "invalid_argument", "`cmd` is empty: pass a command line");
    }
    Json(run(request, &agent.environment, &agent.log).await).into_response()
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(RuntimeError { code: code.to_owned(), message: message.to_owned() })).into_response()
}
