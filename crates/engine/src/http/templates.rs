use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use sandbar_protocol::{ErrorBody, TemplateInfo, check_template_id};
use serde_json::Value;

use super::App;
use super::problem::Problem;
use crate::error::EngineError;

/// GET /templates
#[utoipa::path(
    get,
    path = "/templates",
    tag = "Templates",
    operation_id = "listTemplates",
    summary = "List what sandboxes can be made from",
    responses((status = 200, description = "Built-in ones first; one that is broken says why", body = Vec<TemplateInfo>))
)]
pub(super) async fn list(State(app): State<App>) -> Json<Vec<TemplateInfo>> {
    Json(app.service.templates().list().await)
}

/// GET /templates/resolve/:ref
#[utoipa::path(
    get,
    path = "/templates/resolve/{ref}",
    tag = "Templates",
    operation_id = "resolveTemplate",
    summary = "Find a template by its name, or by that without `tpl-`",
    params(("ref" = String, Path, description = "As `base`, `tpl-mine` or `mine`", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")),
    responses(
        (status = 200, description = "The template; one that is broken says why", body = TemplateInfo),
        (status = 404, description = "`template_not_found`: `details` has those that are known", body = ErrorBody)
    )
)]
pub(super) async fn resolve(
    State(app): State<App>,
    reference: Result<Path<String>, PathRejection>,
) -> Result<Json<TemplateInfo>, Problem> {
    let Path(reference) = reference.map_err(|_| Problem::no_route())?;
    let value = Value::String(reference);
    let reference = check_template_id(&value).map_err(EngineError::from)?;
    Ok(Json(app.service.templates().resolve(reference).await.map_err(EngineError::from)?))
}
