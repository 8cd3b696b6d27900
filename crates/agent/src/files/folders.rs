//! `POST /files/folders`: folders with their modes.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::replacement::{MODE_BITS, check_mode, make_parents};
use crate::blocking::blocking;
use crate::connect::Unary;
use crate::environment::Environment;
use crate::paths::resolve;
use crate::problem::Problem;
use crate::server::Agent;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoldersRequest {
    folders: Vec<NewFolder>,
    /// Whether a folder that is there gets the mode as well.
    #[serde(default)]
    change_existing: bool,
}

#[derive(Deserialize)]
struct NewFolder {
    path: String,
    mode: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct FoldersResponse {
    folders: Vec<MadeFolder>,
}

#[derive(Serialize)]
struct MadeFolder {
    path: String,
    /// It was not there before.
    created: bool,
    /// The permission bits that it had if it was there, else those that it has.
    mode: u32,
}

/// POST /files/folders
pub(super) async fn make(
    State(agent): State<Agent>,
    Unary(request): Unary<FoldersRequest>,
) -> Result<Json<FoldersResponse>, Problem> {
    blocking(move || make_all(&request, &agent.environment)).await.map(Json)
}

fn make_all(request: &FoldersRequest, environment: &Environment) -> Result<FoldersResponse, Problem> {
    let made = request.folders.iter().map(|NewFolder { path, mode }| {
        let path = resolve(path, environment)?;
        check_mode(*mode, &path)?;
        let (created, mode) = make_one(&path, *mode, request.change_existing)?;
        Ok(MadeFolder { path: path.display().to_string(), created, mode })
    });
    made.collect::<Result<_, _>>().map(|folders| FoldersResponse { folders })
}

/// Makes a folder and those above it, or takes the one that is there; whether it is new, and its mode before any change.
fn make_one(path: &Path, mode: Option<u32>, change_existing: bool) -> Result<(bool, u32), Problem> {
    let failed = |error: io::Error| Problem::of_path(&error, "make the folder", path);
    make_parents(path)?;
    // Nobody else looks into it before it has its mode.
    let closed = DirBuilder::new().mode(if mode.is_some() { 0o700 } else { 0o777 }).create(path);
    let created = match closed {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => false,
        Err(error) => return Err(failed(error)),
    };
    let before = fs::metadata(path).map_err(failed)?.permissions().mode() & MODE_BITS;
    let Some(mode) = mode.filter(|_| created || change_existing) else { return Ok((created, before)) };
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
    Ok((created, if created { mode } else { before }))
}
