use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::copy::move_across;
use super::entry::EntryResponse;
use super::kept;
use crate::blocking::blocking;
use crate::connect::Unary;
use crate::environment::Environment;
use crate::files::make_parents;
use crate::paths::resolve_field;
use crate::problem::Problem;
use crate::server::Agent;

#[derive(Deserialize)]
pub(super) struct MoveRequest {
    source: String,
    destination: String,
}

/// POST /filesystem.Filesystem/Move
pub(super) async fn move_to(
    State(agent): State<Agent>,
    Unary(request): Unary<MoveRequest>,
) -> Result<Json<EntryResponse>, Problem> {
    let source = resolve_field("source", &request.source, &agent.environment)?;
    let destination = resolve_field("destination", &request.destination, &agent.environment)?;
    blocking(move || relocate(&source, &destination, &agent.environment)).await.map(Json)
}

/// Gives it another name. A file in the way is replaced, an empty folder by a folder as well.
///
/// Of two names of one file the destination stays: the system's own rename would leave both.
fn relocate(source: &Path, destination: &Path, environment: &Environment) -> Result<EntryResponse, Problem> {
    let moved = fs::symlink_metadata(source).map_err(|error| Problem::of_path(&error, "move", source))?;
    kept::check(source, "move", environment)?;
    make_parents(destination)?;
    let replaced = fs::symlink_metadata(destination).ok();
    let is_second_name =
        replaced.is_some_and(|replaced| is_same(&moved, &replaced)) && !is_same_name(source, destination);
    match fs::rename(source, destination) {
        Ok(()) if is_second_name => {
            fs::remove_file(source).map_err(|error| Problem::of_path(&error, "remove", source))?;
        }
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::CrossesDevices => move_across(source, destination)?,
        Err(error) => return Err(why(&error, source, destination)),
    }
    EntryResponse::at(destination)
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether both paths are one name in one folder, by whatever way they lead there.
fn is_same_name(source: &Path, destination: &Path) -> bool {
    let folder = |path: &Path| path.parent().and_then(|folder| fs::metadata(folder).ok());
    source.file_name() == destination.file_name()
        && folder(source).zip(folder(destination)).is_none_or(|(one, other)| is_same(&one, &other))
}

/// Which of the two paths is to blame.
pub(super) fn why(error: &io::Error, source: &Path, destination: &Path) -> Problem {
    match error.kind() {
        ErrorKind::InvalidInput => Problem::invalid(format!(
            "{} can't be moved to {}: that is within itself",
            source.display(),
            destination.display()
        )),
        ErrorKind::NotFound => Problem::of_path(error, "move", source),
        ErrorKind::NotADirectory => {
            Problem::invalid(format!("{} is a file, and a folder can't take its place", destination.display()))
        }
        _ => Problem::of_path(error, "move to", destination),
    }
}
