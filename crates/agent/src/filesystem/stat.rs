use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::entry::EntryResponse;
use crate::blocking::blocking;
use crate::connect::Unary;
use crate::paths::resolve;
use crate::problem::Problem;
use crate::server::Agent;

#[derive(Deserialize)]
pub(super) struct StatRequest {
    path: String,
}

/// POST /filesystem.Filesystem/Stat
pub(super) async fn stat(
    State(agent): State<Agent>,
    Unary(request): Unary<StatRequest>,
) -> Result<Json<EntryResponse>, Problem> {
    let path = resolve(&request.path, &agent.environment)?;
    blocking(move || EntryResponse::at(&path)).await.map(Json)
}
