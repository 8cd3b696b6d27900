use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::accounts::Accounts;
use super::entry::Entry;
use crate::blocking::blocking;
use crate::connect::Unary;
use crate::paths::resolve;
use crate::problem::Problem;
use crate::server::Agent;

/// The most entries of one answer, which is made in memory.
const MAX_ENTRIES: usize = 100_000;

#[derive(Deserialize)]
pub(super) struct ListDirRequest {
    path: String,
    /// How many levels down; 0 is 1, the folder alone.
    depth: Option<u32>,
}

#[derive(Serialize)]
struct ListDirResponse {
    entries: Vec<Entry>,
}

/// POST /filesystem.Filesystem/ListDir
pub(super) async fn list_dir(
    State(agent): State<Agent>,
    Unary(request): Unary<ListDirRequest>,
) -> Result<Response, Problem> {
    let path = resolve(&request.path, &agent.environment)?;
    let depth = request.depth.unwrap_or_default().max(1);
    let text = blocking(move || {
        let answer = ListDirResponse { entries: list(&path, depth, MAX_ENTRIES)? };
        serde_json::to_vec(&answer).map_err(|error| Problem::internal(format!("the list can't be written: {error}")))
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], Bytes::from(text)).into_response())
}

/// All down to a depth, each folder's content in the order of names right after it. Symlinks are not followed, but for
/// the path itself. A folder below it that can't be read is listed, and nothing in it.
/// More than `most` are refused.
fn list(path: &Path, depth: u32, most: usize) -> Result<Vec<Entry>, Problem> {
    let accounts = Accounts::read();
    let mut entries = Vec::new();
    let top = children(path, most).map_err(|error| Problem::of_path(&error, "list", path))?;
    let mut levels = vec![top.into_iter()];
    while let Some(level) = levels.last_mut() {
        let Some((path_within, metadata)) = level.next() else {
            levels.pop();
            continue;
        };
        if entries.len() == most {
            let path = path.display();
            return Err(Problem::invalid(format!(
                "{path} has more than {most} entries down to depth {depth}: ask for a smaller depth, or for a folder in it"
            )));
        }
        entries.push(Entry::new(&path_within, &metadata, &accounts));
        let goes_down = metadata.is_dir() && u32::try_from(levels.len()).is_ok_and(|level| level < depth);
        if let (true, Ok(children)) = (goes_down, children(&path_within, most)) {
            levels.push(children.into_iter());
        }
    }
    Ok(entries)
}

/// What is in a folder, in the order of names.
fn children(folder: &Path, most: usize) -> std::io::Result<Vec<(PathBuf, Metadata)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // What has gone meanwhile is no longer there.
        if let Ok(metadata) = entry.metadata() {
            found.push((entry.path(), metadata));
        }
        // No more can be told of, and one more says that there are too many.
        if found.len() > most {
            break;
        }
    }
    found.sort_unstable_by(|(one, _), (other, _)| one.as_os_str().cmp(other.as_os_str()));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_too_many_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a", "b", "c"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        fs::create_dir(folder.path().join("c/d")).expect("a folder");
        assert!(list(folder.path(), 1, 3).is_ok_and(|entries| entries.len() == 3));
        let refused = list(folder.path(), 2, 3).expect_err("too many");
        assert!(refused.message().contains("more than 3 entries down to depth 2"), "{refused:?}");
        assert!(list(folder.path(), 1, 2).is_err());
    }
}
