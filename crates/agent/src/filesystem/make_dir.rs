use std::fs;
use std::path::Path;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::entry::EntryResponse;
use crate::blocking::blocking;
use crate::connect::Unary;
use crate::files::make_parents;
use crate::paths::resolve;
use crate::problem::Problem;
use crate::server::Agent;

#[derive(Deserialize)]
pub(super) struct MakeDirRequest {
    path: String,
}

/// POST /filesystem.Filesystem/MakeDir
pub(super) async fn make_dir(
    State(agent): State<Agent>,
    Unary(request): Unary<MakeDirRequest>,
) -> Result<Json<EntryResponse>, Problem> {
    let path = resolve(&request.path, &agent.environment)?;
    blocking(move || make(&path)).await.map(Json)
}

fn make(path: &Path) -> Result<EntryResponse, Problem> {
    make_parents(path)?;
    fs::create_dir(path).map_err(|error| Problem::of_path(&error, "make the folder", path))?;
    EntryResponse::at(path)
}
