use std::fs;
use std::path::Path;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::kept;
use crate::blocking::blocking;
use crate::connect::Unary;
use crate::environment::Environment;
use crate::paths::resolve;
use crate::problem::Problem;
use crate::server::Agent;

#[derive(Deserialize)]
pub(super) struct RemoveRequest {
    path: String,
}

/// POST /filesystem.Filesystem/Remove
pub(super) async fn remove(
    State(agent): State<Agent>,
    Unary(request): Unary<RemoveRequest>,
) -> Result<Json<Value>, Problem> {
    let path = resolve(&request.path, &agent.environment)?;
    blocking(move || remove_at(&path, &agent.environment)).await?;
    Ok(Json(json!({})))
}

/// Removes a file, or a folder with all that is in it. Of a symlink only itself goes.
fn remove_at(path: &Path, environment: &Environment) -> Result<(), Problem> {
    let failed = |error| Problem::of_path(&error, "remove", path);
    fs::symlink_metadata(path).map_err(failed)?;
    kept::check(path, "remove", environment)?;
    sandbar_tree::remove(path).map_err(failed)
}
