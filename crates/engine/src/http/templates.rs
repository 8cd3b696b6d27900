use axum::Json;
use axum::extract::{Path, State};
use sandbar_protocol::{TemplateInfo, check_template_id};
use serde_json::Value;

use super::App;
use super::problem::Problem;
use crate::error::EngineError;

/// GET /templates
pub(super) async fn list(State(app): State<App>) -> Json<Vec<TemplateInfo>> {
    Json(app.service.templates().list().await)
}

/// GET /templates/resolve/:ref
pub(super) async fn resolve(
    State(app): State<App>,
    Path(reference): Path<String>,
) -> Result<Json<TemplateInfo>, Problem> {
    let value = Value::String(reference);
    let reference = check_template_id(&value).map_err(EngineError::from)?;
    Ok(Json(app.service.templates().resolve(reference).await.map_err(EngineError::from)?))
}
