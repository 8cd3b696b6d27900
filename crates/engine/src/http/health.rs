use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use sandbar_protocol::ErrorBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::problem::Problem;
use crate::telemetry;

/// How the engine does, in a word.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`; `degraded` if a part does not answer, a limit is reached, or something that the engine found in its data
    /// folder waits for the operator: `/api/v1/observability/summary` says what to do.
    status: &'static str,
    /// Why it is degraded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    /// The engine's version.
    version: &'static str,
}

/// GET /health
#[utoipa::path(
    get,
    path = "/health",
    tag = "Engine",
    operation_id = "getHealth",
    summary = "Ask whether the engine takes requests",
    security(()),
    responses(
        (status = 200, description = "It does", body = Health),
        (status = 503, description = "`shutting_down`, or `store_failed`: the store can't be read or written", body = ErrorBody)
    )
)]
pub(super) async fn health(State(app): State<App>) -> Result<Json<Health>, Problem> {
    app.service.check_serving().await?;
    let condition = app.service.condition().await;
    let status = if condition.is_ok() { "ok" } else { "degraded" };
    let reasons = condition.reasons().map(str::to_owned).collect();
    Ok(Json(Health { status, reasons, version: env!("CARGO_PKG_VERSION") }))
}

/// GET /metrics
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Engine",
    operation_id = "getEngineMetrics",
    summary = "Read the engine's counters, for Prometheus",
    responses((status = 200, description = "OpenMetrics text", body = String,
        content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    Ok(([(header::CONTENT_TYPE, telemetry::CONTENT_TYPE)], app.service.report().await?))
}
