//! What a sandbox tells of itself: its log and its counters.

use axum::Json;
use axum::extract::{RawQuery, State};
use sandbar_protocol::{LogDirection, LogLevel, MAX_PAGE, MetricBatch, MetricSnapshot, PublicState, SandboxLogs};

use super::problem::Problem;
use super::sandboxes::{Project, SandboxId};
use super::{App, query};
use crate::error::EngineError;
use crate::store::ListFilter;

/// GET /sandboxes/:sandboxID/logs
#[utoipa::path(
    get,
    path = "/sandboxes/{sandboxID}/logs",
    tag = "Observability",
    operation_id = "getSandboxLogs",
    summary = "Read the log of a sandbox",
    params(
        SandboxId,
        ("cursor" = Option<u64>, Query, nullable = false, minimum = 0, maximum = 9007199254740991_u64,
            description = "Where to go on: `nextCursor` of the answer before"),
        ("limit" = Option<u64>, Query, nullable = false, minimum = 0, maximum = 1000,
            description = "The most lines; 100 if absent"),
        ("direction" = inline(Option<LogDirection>), Query, nullable = false, description = "Which way to read; `forward` if absent"),
        ("level" = Option<LogLevel>, Query, nullable = false, description = "Only lines of this level"),
        ("search" = Option<String>, Query, nullable = false, max_length = 256,
            description = "Only lines that contain this text")
    ),
    responses((status = 200, description = "A window of the log", body = SandboxLogs))
)]
pub(super) async fn logs(
    State(app): State<App>,
    SandboxId(id): SandboxId,
    RawQuery(text): RawQuery,
) -> Result<Json<SandboxLogs>, Problem> {
    let query = query::logs(&text.unwrap_or_default()).map_err(EngineError::from)?;
    Ok(Json(app.service.logs(&id, &query).await?))
}

/// GET /sandboxes/:sandboxID/metrics
#[utoipa::path(
    get,
    path = "/sandboxes/{sandboxID}/metrics",
    tag = "Observability",
    operation_id = "getSandboxMetrics",
    summary = "Read the counters of a sandbox",
    params(SandboxId),
    responses((status = 200, description = "Counters now; null is not known", body = MetricSnapshot))
)]
pub(super) async fn metrics(State(app): State<App>, SandboxId(id): SandboxId) -> Result<Json<MetricSnapshot>, Problem> {
    Ok(Json(app.service.metrics(&id).await?))
}

/// GET /sandboxes/metrics
#[utoipa::path(
    get,
    path = "/sandboxes/metrics",
    tag = "Observability",
    operation_id = "getSandboxesMetrics",
    summary = "Read the counters of several sandboxes",
    params(
        ("sandbox_ids" = Option<String>, Query, nullable = false,
            description = "At most 100 IDs, separated by commas; without, the running ones, at most 100"),
        ("limit" = Option<u64>, Query, nullable = false, minimum = 1, maximum = 100,
            description = "The most sandboxes of the answer")
    ),
    responses((status = 200, description = "Counters now; of a sandbox that is gone, an `error`", body = MetricBatch))
)]
pub(super) async fn metrics_batch(
    State(app): State<App>,
    Project(project): Project,
    RawQuery(text): RawQuery,
) -> Result<Json<MetricBatch>, Problem> {
    let (mut ids, limit) = query::metrics(&text.unwrap_or_default()).map_err(EngineError::from)?;
    if ids.is_empty() {
        let filter = ListFilter {
            states: ListFilter::states_of(&[PublicState::Running]),
            project,
            limit: MAX_PAGE,
            ..ListFilter::default()
        };
        ids = app.service.list(&filter).await?.records.into_iter().map(|record| record.id).collect();
    }
    ids.truncate(limit.unwrap_or(usize::MAX));
    let mut items = Vec::new();
    for id in ids {
        items.push(match app.service.metrics(&id).await {
            Ok(snapshot) => snapshot,
            // One that is gone must not hide the others.
            Err(EngineError::NotFound(_)) => MetricSnapshot::unavailable(id, app.service.now(), "sandbox not found"),
            Err(error) => return Err(error.into()),
        });
    }
    let sandboxes = items.iter().map(|item| (item.sandbox_id.clone(), item.clone())).collect();
    Ok(Json(MetricBatch { collected_at: Some(app.service.now()), items, sandboxes: Some(sandboxes) }))
}
