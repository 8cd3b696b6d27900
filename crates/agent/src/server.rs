use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use sandbar_http_server::drain_unread_body;
use sandbar_protocol::{BootConfig, Health, HeartbeatStatus, SandboxSize};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::environment::Environment;
use crate::filesystem::Watchers;
use crate::log::Log;
use crate::problem::Problem;
use crate::process::Processes;
use crate::query::Query;
use crate::system::{CpuMeter, HomeMeter};
use crate::{compression, files, filesystem, process, proxy, run, startup, system};

/// The largest body that is read as a whole; what is streamed has no limit of its own.
pub(crate) const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
const MAX_WAIT: Duration = Duration::from_secs(600);

/// What the routes share.
#[derive(Clone)]
pub(crate) struct Agent {
    pub(crate) environment: Environment,
    pub(crate) log: Log,
    pub(crate) watchers: Watchers,
    pub(crate) processes: Processes,
    pub(crate) size: SandboxSize,
    pub(crate) cpu: CpuMeter,
    pub(crate) home: HomeMeter,
    health: watch::Receiver<Health>,
}

/// All routes of the runtime API, without access tokens. Begins the sandbox's start; needs a tokio runtime.
pub fn router(config: &BootConfig) -> Router {
    let environment = Environment::new(&config.env_vars, config.workdir.as_deref());
    let health = startup::begin(config, environment.clone());
    let (processes, size, cpu) = (Processes::default(), config.size, CpuMeter::start());
    Router::new()
        .route("/", get(about))
        .route("/health", get(health_now))
        .merge(run::routes())
        .merge(files::routes())
        .merge(filesystem::routes())
        .merge(process::routes())
        .merge(system::routes())
        .layer(compression::gunzip())
        .layer(from_fn(compression::only_gzip))
        // Bodies for programs of the sandbox stay as they are.
        .merge(proxy::routes())
        .fallback(|| async { Problem::unimplemented("there is no such route") })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(drain_unread_body))
        .with_state(Agent {
            environment,
            health,
            log: Log::start(),
            watchers: Watchers::default(),
            processes,
            size,
            cpu,
            home: HomeMeter::default(),
        })
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
