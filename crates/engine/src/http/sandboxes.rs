use axum::Json;
use axum::extract::{Extension, FromRequestParts, Path, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sandbar_protocol::{
    ConnectOptions, CreateOptions, DEFAULT_TIMEOUT_SECS, END_AT_HEADER, HAS_NEXT_HEADER, Heartbeat, HeartbeatAnswer,
    HeartbeatData, IDEMPOTENCY_KEY_HEADER, MAX_PAGE, MetricBatch, MetricSnapshot, NEXT_TOKEN_HEADER,
    PREVIOUS_STATE_HEADER, PageToken, PublicState, RefreshOptions, Sandbox, SandboxLogs, TimeoutOptions,
    check_sandbox_id,
};
use serde_json::Value;

use super::body::JsonBody;
use super::problem::Problem;
use super::request_id::RequestId;
use super::{App, query, view};
use crate::error::EngineError;
use crate::lifecycle::Event;
use crate::service::Applied;
use crate::store::ListFilter;

const MAX_KEY_BYTES: usize = 255;

/// The sandbox ID of the path, checked.
pub(super) struct SandboxId(pub(super) String);

impl FromRequestParts<App> for SandboxId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Ok(Path(ids)) = Path::<Vec<(String, String)>>::from_request_parts(parts, app).await else {
            return Err(Problem::no_route());
        };
        let id = ids.into_iter().find(|(name, _)| name == "sandbox_id").map(|(_, id)| Value::String(id));
        let id = check_sandbox_id(&id.unwrap_or_default()).map_err(EngineError::from)?.to_owned();
        Ok(Self(id))
    }
}

/// Where the client reached the engine: URLs in answers start with it.
pub(super) struct Origin(String);

impl FromRequestParts<App> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.filter(|host| host.parse::<axum::http::uri::Authority>().is_ok());
        Ok(Self(host.map_or_else(|| app.origin.to_string(), |host| format!("http://{host}"))))
    }
}

/// POST /sandboxes
pub(super) async fn create(
    State(app): State<App>,
    Origin(origin): Origin,
    headers: HeaderMap,
    JsonBody(mut body): JsonBody,
) -> Result<(StatusCode, Json<Sandbox>), Problem> {
    if let Some(fields) = body.as_object_mut() {
        // As the public service does it: no template is the default one.
        let empty = |value: &Value| value.is_null() || value == "";
        if fields.get("templateID").is_some_and(empty) {
            fields.remove("templateID");
        }
    }
    let options = CreateOptions::from_json(&body).map_err(EngineError::from)?;
    let key = headers.get(IDEMPOTENCY_KEY_HEADER).map(idempotency_key).transpose()?;
    let record = app.service.create(options, key).await?;
    Ok((StatusCode::CREATED, Json(view::sandbox(record, &origin))))
}

fn idempotency_key(value: &axum::http::HeaderValue) -> Result<String, Problem> {
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES);
    key.map(str::to_owned).ok_or_else(|| {
        Problem::bad_request(format!("Idempotency-Key must have 1 to {MAX_KEY_BYTES} visible ASCII characters"))
    })
}

/// GET /sandboxes
pub(super) async fn list(State(app): State<App>, RawQuery(text): RawQuery) -> Result<Response, Problem> {
    let query = query::list(&text.unwrap_or_default()).map_err(EngineError::from)?;
    let (offset, limit) = (query.offset(), query.limit.unwrap_or(MAX_PAGE));
    let filter = ListFilter {
        states: ListFilter::states_of(&query.states),
        metadata: query.metadata.into_iter().collect(),
        offset,
        limit,
        ..ListFilter::default()
    };
    let page = app.service.list(&filter).await?;
    let has_next = page.has_next;
    let next = if has_next { PageToken(offset.saturating_add(limit)).encode() } else { String::new() };
    let sandboxes: Vec<Sandbox> = page.records.into_iter().map(view::listed).collect();
    let has_next_header = (HeaderName::from_static(HAS_NEXT_HEADER), has_next.to_string());
    if has_next {
        let next_header = (HeaderName::from_static(NEXT_TOKEN_HEADER), next);
        return Ok(([has_next_header, next_header], Json(sandboxes)).into_response());
    }
    Ok(([has_next_header], Json(sandboxes)).into_response())
}

/// GET /sandboxes/:sandboxID
pub(super) async fn detail(
    State(app): State<App>,
    Origin(origin): Origin,
    SandboxId(id): SandboxId,
) -> Result<Json<Sandbox>, Problem> {
    Ok(Json(view::detail(app.service.detail(&id).await?, app.service.limits_level(), &origin)))
}

/// POST /sandboxes/:sandboxID/connect
pub(super) async fn connect(
    State(app): State<App>,
    Origin(origin): Origin,
    SandboxId(id): SandboxId,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Sandbox>), Problem> {
    let options = ConnectOptions::from_json(&body).map_err(EngineError::from)?;
    let applied = app.service.connect(&id, options.timeout.unwrap_or(DEFAULT_TIMEOUT_SECS)).await?;
    let resumed = applied.previous == PublicState::Paused;
    let status = if resumed { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(view::sandbox(applied.record, &origin))))
}

/// POST /sandboxes/:sandboxID/pause
pub(super) async fn pause(State(app): State<App>, SandboxId(id): SandboxId) -> Result<Response, Problem> {
    Ok(done(app.service.apply(&id, Event::Pause).await?))
}

/// POST /sandboxes/:sandboxID/refreshes
pub(super) async fn refresh(
    State(app): State<App>,
    SandboxId(id): SandboxId,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let options = RefreshOptions::from_json(&body).map_err(EngineError::from)?;
    Ok(done(app.service.apply(&id, Event::Refresh { duration_secs: options.duration }).await?))
}

/// POST /sandboxes/:sandboxID/timeout
pub(super) async fn set_timeout(
    State(app): State<App>,
    SandboxId(id): SandboxId,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let options = TimeoutOptions::from_json(&body).map_err(EngineError::from)?;
    Ok(done(app.service.apply(&id, Event::SetTimeout { timeout_secs: options.timeout }).await?))
}

/// DELETE /sandboxes/:sandboxID
pub(super) async fn delete(State(app): State<App>, SandboxId(id): SandboxId) -> Result<Response, Problem> {
    Ok(done(app.service.apply(&id, Event::Delete).await?))
}

/// 204, with what a body would have said in headers.
fn done(applied: Applied) -> Response {
    let headers = [
        (HeaderName::from_static(PREVIOUS_STATE_HEADER), applied.previous.to_string()),
        (HeaderName::from_static(END_AT_HEADER), applied.record.end_at.to_string()),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// GET /sandboxes/:sandboxID/logs
pub(super) async fn logs(
    State(app): State<App>,
    SandboxId(id): SandboxId,
    RawQuery(text): RawQuery,
) -> Result<Json<SandboxLogs>, Problem> {
    let query = query::logs(&text.unwrap_or_default()).map_err(EngineError::from)?;
    Ok(Json(app.service.logs(&id, &query).await?))
}

/// GET /sandboxes/:sandboxID/metrics
pub(super) async fn metrics(State(app): State<App>, SandboxId(id): SandboxId) -> Result<Json<MetricSnapshot>, Problem> {
    Ok(Json(app.service.metrics(&id).await?))
}

/// GET /sandboxes/metrics
pub(super) async fn metrics_batch(
    State(app): State<App>,
    RawQuery(text): RawQuery,
) -> Result<Json<MetricBatch>, Problem> {
    let (mut ids, limit) = query::metrics(&text.unwrap_or_default());
    if ids.is_empty() {
        let filter = ListFilter {
            states: ListFilter::states_of(&[PublicState::Running]),
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

/// POST /sandboxes/:sandboxID/heartbeat
pub(super) async fn heartbeat(
    State(app): State<App>,
    SandboxId(id): SandboxId,
    Extension(RequestId(request_id)): Extension<RequestId>,
    JsonBody(body): JsonBody,
) -> Result<Json<HeartbeatAnswer>, Problem> {
    let Heartbeat { status } = serde_json::from_value(body)
        .map_err(|_| Problem::bad_request("`status` must be one of starting, healthy, error"))?;
    app.service.apply(&id, Event::Heartbeat(status)).await?;
    let data = HeartbeatData { received: true, status };
    Ok(Json(HeartbeatAnswer { code: 0, message: "ok".to_owned(), data, request_id }))
}
