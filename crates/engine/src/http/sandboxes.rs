use axum::Json;
use axum::extract::{Extension, FromRequestParts, Path, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use sandbar_protocol::openapi::{CreatedSandbox, ListedSandbox, SandboxDetail};
use sandbar_protocol::{
    ConnectOptions, CreateOptions, DEFAULT_TIMEOUT_SECS, END_AT_HEADER, ErrorBody, HAS_NEXT_HEADER, Heartbeat,
    HeartbeatAnswer, HeartbeatData, IDEMPOTENCY_KEY_HEADER, IDEMPOTENCY_REPLAYED_HEADER, MAX_PAGE, NEXT_TOKEN_HEADER,
    PREFERENCE_APPLIED_HEADER, PREVIOUS_STATE_HEADER, PROJECT_ID_HEADER, PageToken, PublicState, RefreshOptions,
    Sandbox, TimeoutOptions, WAIT_PREFERENCE, check_idempotency_key, check_sandbox_id,
};
use serde_json::Value;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};

use super::body::JsonBody;
use super::origin::Origin;
use super::prefer::PreferredWait;
use super::problem::Problem;
use super::request_id::RequestId;
use super::{App, query, view};
use crate::error::EngineError;
use crate::lifecycle::{Event, SandboxRecord};
use crate::service::Applied;
use crate::store::ListFilter;

const MAX_PROJECT_ID: usize = 255;

/// The parameter in paths.
pub(super) const SANDBOX_ID: &str = "sandboxID";

/// The sandbox ID of the path, checked.
pub(super) struct SandboxId(pub(super) String);

impl FromRequestParts<App> for SandboxId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Ok(Path(ids)) = Path::<Vec<(String, String)>>::from_request_parts(parts, app).await else {
            return Err(Problem::no_route());
        };
        let id = ids.into_iter().find(|(name, _)| name == SANDBOX_ID).map(|(_, id)| Value::String(id));
        let id = check_sandbox_id(&id.unwrap_or_default()).map_err(EngineError::from)?.to_owned();
        Ok(Self(id))
    }
}

impl IntoParams for SandboxId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let id = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9_-]{1,128}$"));
        let parameter = ParameterBuilder::new().name(SANDBOX_ID).parameter_in(ParameterIn::Path);
        vec![parameter.required(Required::True).schema(Some(id)).description(Some("The sandbox")).build()]
    }
}

/// POST /sandboxes
#[utoipa::path(
    post,
    path = "/sandboxes",
    tag = "Sandboxes",
    operation_id = "createSandbox",
    summary = "Create a sandbox",
    params(
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$", nullable = false,
            description = "A repeat in the same project, under the same key, with the same body and within 24 h is answered \
                with the first sandbox as it is now, until that is deleted")
    ),
    request_body(content = CreateOptions, description = "No body is an empty one: a sandbox of `base` for 300 s"),
    responses(
        (status = 201, description = "Accepted; with `waitReady` it is usable, failed, paused by somebody else, or still \
            starting after 30 s", body = CreatedSandbox, headers(
            ("Idempotency-Replayed" = bool, description = "`true` if an earlier create under the key made it; else absent"))),
        (status = 404, description = "`template_not_found`; `sandbox_not_found`: it was deleted while the call waited",
            body = ErrorBody),
        (status = 409, description = "`idempotency_key_reused`: the key came with another body", body = ErrorBody),
        (status = 422, description = "`template_broken`, `rootfs_broken`, `python_missing`: the template can't be used here; \
            `details.diagnostic` says why", body = ErrorBody),
        (status = 429, description = "`usage_limit`: a limit is reached", body = ErrorBody,
            headers(("Retry-After" = u64, description = "When waiting helps: how long, in seconds"))),
        (status = 507, description = "`disk_full`: the data folder's disk has no room for its record", body = ErrorBody)
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    origin: Origin,
    Key(key): Key,
    Project(project): Project,
    JsonBody(mut body): JsonBody,
) -> Result<Response, Problem> {
    if let Some(fields) = body.as_object_mut() {
        // As the public service does it: no template is the default one.
        let empty = |value: &Value| value.is_null() || value == "";
        if fields.get("templateID").is_some_and(empty) {
            fields.remove("templateID");
        }
    }
    let options = CreateOptions::from_json(&body).map_err(EngineError::from)?;
    let accepted = app.service.create(options, key, project).await?;
    Ok(sandbox(StatusCode::CREATED, &accepted.record, accepted.replayed, &origin))
}

/// The answer of create and connect.
fn sandbox(status: StatusCode, record: &SandboxRecord, replayed: bool, origin: &Origin) -> Response {
    let replayed = replayed.then(|| [(HeaderName::from_static(IDEMPOTENCY_REPLAYED_HEADER), "true")]);
    (status, replayed, Json(view::sandbox(record, origin))).into_response()
}

/// The request's idempotency key.
pub(super) struct Key(Option<String>);

impl FromRequestParts<App> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(IDEMPOTENCY_KEY_HEADER) else { return Ok(Self(None)) };
        // Bytes that are no text are no visible ASCII either.
        match check_idempotency_key(value.to_str().unwrap_or_default()) {
            Ok(key) => Ok(Self(Some(key.to_owned()))),
            Err(_) => {
                Err(Problem::bad_request("Idempotency-Key must have 1 to 255 visible ASCII characters".to_owned()))
            }
        }
    }
}

/// The request's project.
pub(super) struct Project(pub(super) Option<String>);

impl FromRequestParts<App> for Project {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(PROJECT_ID_HEADER).filter(|value| !value.is_empty()) else {
            return Ok(Self(None));
        };
        match value.to_str().ok().filter(|text| text.len() <= MAX_PROJECT_ID) {
            Some(text) => Ok(Self(Some(text.to_owned()))),
            None => {
                Err(Problem::bad_request(format!("X-Project-ID must have at most {MAX_PROJECT_ID} ASCII characters")))
            }
        }
    }
}

/// GET /sandboxes
#[utoipa::path(
    get,
    path = "/sandboxes",
    tag = "Sandboxes",
    operation_id = "listSandboxes",
    summary = "List sandboxes",
    params(
        ("metadata" = Option<String>, Query, nullable = false,
            description = "One query string in itself, as `app=prod&team=core`: all pairs must match"),
        ("state" = Option<Vec<PublicState>>, Query, nullable = false,
            description = "Only these states; without, all but deleted"),
        ("limit" = Option<u64>, Query, nullable = false, minimum = 1, maximum = 100,
            description = "The most sandboxes of the page; 100 if absent"),
        ("nextToken" = Option<String>, Query, nullable = false, pattern = "^[A-Za-z0-9_-]*$",
            description = "Where to go on: `X-Next-Token` of the page before")
    ),
    responses((status = 200, description = "A page, newest first", body = [ListedSandbox], headers(
        ("X-Has-Next" = bool, description = "Whether there is a next page"),
        ("X-Next-Token" = String, description = "What the next page's `nextToken` is; absent on the last")
    )))
)]
pub(super) async fn list(
    State(app): State<App>,
    Project(project): Project,
    RawQuery(text): RawQuery,
) -> Result<Response, Problem> {
    let query = query::list(&text.unwrap_or_default()).map_err(EngineError::from)?;
    let (offset, limit) = (query.offset().map_err(EngineError::from)?, query.limit.unwrap_or(MAX_PAGE));
    let filter = ListFilter {
        states: ListFilter::states_of(&query.states),
        project,
        metadata: query.metadata.into_iter().collect(),
        offset,
        limit,
        ..ListFilter::default()
    };
    let page = app.service.list(&filter).await?;
    let has_next = page.has_next;
    let next = if has_next { PageToken(offset.saturating_add(limit)).encode() } else { String::new() };
    let sandboxes: Vec<Sandbox> = page.records.iter().map(SandboxRecord::listed).collect();
    let has_next_header = (HeaderName::from_static(HAS_NEXT_HEADER), has_next.to_string());
    if has_next {
        let next_header = (HeaderName::from_static(NEXT_TOKEN_HEADER), next);
        return Ok(([has_next_header, next_header], Json(sandboxes)).into_response());
    }
    Ok(([has_next_header], Json(sandboxes)).into_response())
}

/// GET /sandboxes/:sandboxID
#[utoipa::path(
    get,
    path = "/sandboxes/{sandboxID}",
    tag = "Sandboxes",
    operation_id = "getSandbox",
    summary = "Read a sandbox",
    params(
        SandboxId,
        ("Prefer" = Option<String>, Header, nullable = false, example = "wait=20",
            description = "RFC 7240, `wait=N`: the answer is held until the sandbox is no longer starting, at most N \
                seconds, and never longer than 30")
    ),
    responses((status = 200, description = "The sandbox; a deleted one for 24 h", body = SandboxDetail, headers(
        ("Preference-Applied" = String, description = "`wait`, where `Prefer` asked for it; else absent")
    )))
)]
pub(super) async fn detail(
    State(app): State<App>,
    origin: Origin,
    SandboxId(id): SandboxId,
    PreferredWait(wait): PreferredWait,
) -> Result<Response, Problem> {
    let record = app.service.detail_held(&id, wait.unwrap_or_default()).await?;
    let detail = Json(view::detail(&record, app.service.limits_level(), &origin));
    if wait.is_some() {
        return Ok(([(HeaderName::from_static(PREFERENCE_APPLIED_HEADER), WAIT_PREFERENCE)], detail).into_response());
    }
    Ok(detail.into_response())
}

/// POST /sandboxes/:sandboxID/connect
#[utoipa::path(
    post,
    path = "/sandboxes/{sandboxID}/connect",
    tag = "Sandboxes",
    operation_id = "connectSandbox",
    summary = "Extend the TTL of a sandbox, and resume a paused one",
    params(
        SandboxId,
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$", nullable = false,
            description = "A repeat in the same project, under the same key, with the same body and within 24 h changes \
                nothing any more")
    ),
    request_body = ConnectOptions,
    responses(
        (status = 200, description = "It runs, or is still starting after 30 s", body = CreatedSandbox, headers(
            ("Idempotency-Replayed" = bool, description = "`true` if it repeats a connect under the key; else absent"))),
        (status = 201, description = "It was paused, and is resumed on its files", body = CreatedSandbox),
        (status = 404, description = "`sandbox_not_found`: it is unknown, or deleted, perhaps while the call waited",
            body = ErrorBody),
        (status = 409, description = "`sandbox_failed`; `sandbox_paused`: it was paused while the call waited, or after the \
            connect that this one repeats; `sandbox_resume_failed`: it is still paused; \
            `idempotency_key_reused`: the key came with another request", body = ErrorBody),
        (status = 429, description = "`usage_limit`: a limit is reached", body = ErrorBody,
            headers(("Retry-After" = u64, description = "When waiting helps: how long, in seconds")))
    )
)]
pub(super) async fn connect(
    State(app): State<App>,
    origin: Origin,
    SandboxId(id): SandboxId,
    Key(key): Key,
    Project(project): Project,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let options = ConnectOptions::from_json(&body).map_err(EngineError::from)?;
    let timeout_secs = options.timeout.unwrap_or(DEFAULT_TIMEOUT_SECS);
    let connected = app.service.connect(&id, timeout_secs, key, project).await?;
    let status = if connected.resumed { StatusCode::CREATED } else { StatusCode::OK };
    Ok(sandbox(status, &connected.record, connected.replayed, &origin))
}

/// POST /sandboxes/:sandboxID/pause
#[utoipa::path(
    post,
    path = "/sandboxes/{sandboxID}/pause",
    tag = "Sandboxes",
    operation_id = "pauseSandbox",
    summary = "Stop the processes of a sandbox, keep its files",
    params(SandboxId),
    responses(
        (status = 204, description = "It is paused; it may have been before", headers(
            ("X-Sandbox-Previous-State" = PublicState, description = "The state that the call met"),
            ("X-Sandbox-End-At" = String, description = "The deadline now, RFC 3339")
        )),
        (status = 409, description = "`sandbox_failed`", body = ErrorBody)
    )
)]
pub(super) async fn pause(State(app): State<App>, SandboxId(id): SandboxId) -> Result<Response, Problem> {
    Ok(done(app.service.apply(&id, Event::Pause).await?))
}

/// POST /sandboxes/:sandboxID/refreshes
#[utoipa::path(
    post,
    path = "/sandboxes/{sandboxID}/refreshes",
    tag = "Sandboxes",
    operation_id = "refreshSandbox",
    summary = "Extend the TTL of a sandbox",
    params(SandboxId),
    request_body = RefreshOptions,
    responses(
        (status = 204, description = "The deadline is as asked for, or later", headers(
            ("X-Sandbox-Previous-State" = PublicState, description = "The state that the call met"),
            ("X-Sandbox-End-At" = String, description = "The deadline now, RFC 3339")
        )),
        (status = 409, description = "`sandbox_paused`, `sandbox_failed`: no TTL is running", body = ErrorBody)
    )
)]
pub(super) async fn refresh(
    State(app): State<App>,
    SandboxId(id): SandboxId,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let options = RefreshOptions::from_json(&body).map_err(EngineError::from)?;
    Ok(done(app.service.apply(&id, Event::Refresh { duration_secs: options.duration }).await?))
}

/// POST /sandboxes/:sandboxID/timeout
#[utoipa::path(
    post,
    path = "/sandboxes/{sandboxID}/timeout",
    tag = "Sandboxes",
    operation_id = "setSandboxTimeout",
    summary = "Replace the TTL of a sandbox",
    params(SandboxId),
    request_body = TimeoutOptions,
    responses(
        (status = 204, description = "The deadline is as asked for", headers(
            ("X-Sandbox-Previous-State" = PublicState, description = "The state that the call met"),
            ("X-Sandbox-End-At" = String, description = "The deadline now, RFC 3339")
        )),
        (status = 409, description = "`sandbox_paused`, `sandbox_failed`: no TTL is running", body = ErrorBody)
    )
)]
pub(super) async fn set_timeout(
    State(app): State<App>,
    SandboxId(id): SandboxId,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let options = TimeoutOptions::from_json(&body).map_err(EngineError::from)?;
    Ok(done(app.service.apply(&id, Event::SetTimeout { timeout_secs: options.timeout }).await?))
}

/// DELETE /sandboxes/:sandboxID
#[utoipa::path(
    delete,
    path = "/sandboxes/{sandboxID}",
    tag = "Sandboxes",
    operation_id = "deleteSandbox",
    summary = "Delete a sandbox",
    params(SandboxId),
    responses((status = 204, description = "It is gone, with its files", headers(
            ("X-Sandbox-Previous-State" = PublicState, description = "The state that the call met"),
            ("X-Sandbox-End-At" = String, description = "The deadline now, RFC 3339")
        )))
)]
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

/// POST /sandboxes/:sandboxID/heartbeat
#[utoipa::path(
    post,
    path = "/sandboxes/{sandboxID}/heartbeat",
    tag = "Sandboxes",
    operation_id = "sendHeartbeat",
    summary = "Tell how a sandbox's runtime feels: the runtime's own call",
    params(SandboxId),
    request_body = Heartbeat,
    responses(
        (status = 200, description = "It was taken in", body = HeartbeatAnswer)
    )
)]
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
