//! `POST /files/compose`: files one after the other become one; the parts are removed, as large files are uploaded in them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::new_file::Written;
use super::replacement::Replacement;
use super::source::open;
use crate::blocking::blocking;
use crate::connect::Unary;
use crate::paths::resolve_field;
use crate::problem::Problem;
use crate::server::Agent;

/// What is copied before the thread is free for others.
const COPY_STEP: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
pub(super) struct ComposeRequest {
    source_paths: Vec<String>,
    destination: String,
}

/// POST /files/compose
pub(super) async fn compose(
    State(agent): State<Agent>,
    Unary(request): Unary<ComposeRequest>,
) -> Result<Json<Written>, Problem> {
    if request.source_paths.is_empty() {
        return Err(Problem::invalid("`source_paths` is empty: name at least one file"));
    }
    let destination = resolve_field("destination", &request.destination, &agent.environment)?;
    let resolved = request.source_paths.iter().map(|path| resolve_field("source_paths", path, &agent.environment));
    let sources = resolved.collect::<Result<Vec<_>, _>>()?;
    let (target, parts) = (destination.clone(), sources.clone());
    let mut copying = blocking(move || {
        // One that is missing is found before anything is copied. They are opened again one by one, as they may be many.
        for source in &sources {
            open(source)?;
        }
        Ok(Copying { into: Replacement::begin(&target, None)?, current: None, coming: sources.into_iter() })
    })
    .await?;
    while let Some(rest) = blocking(move || copying.step()).await? {
        copying = rest;
    }
    let written = Written::at(&destination);
    blocking(move || remove_parts(parts, &destination)).await?;
    Ok(Json(written))
}

/// A part may be named twice, or be what they were composed to.
fn remove_parts(parts: Vec<PathBuf>, whole: &Path) -> Result<(), Problem> {
    let parts: BTreeSet<_> = parts.into_iter().filter(|part| part != whole).collect();
    for part in parts {
        fs::remove_file(&part).map_err(|error| Problem::of_path(&error, "remove, now that it is composed,", &part))?;
    }
    Ok(())
}

struct Copying {
    into: Replacement,
    current: Option<(PathBuf, File)>,
    coming: std::vec::IntoIter<PathBuf>,
}

impl Copying {
    /// Copies on; nothing is left when all of it is in its place.
    fn step(mut self) -> Result<Option<Self>, Problem> {
        let mut room = COPY_STEP;
        while room > 0 {
            let (path, mut file) = match self.current.take() {
                Some(current) => current,
                None => {
                    let Some(path) = self.coming.next() else { return self.into.commit().map(|()| None) };
                    let (file, _) = open(&path)?;
                    (path, file)
                }
            };
            let copied = io::copy(&mut (&mut file).take(room), self.into.file());
            // Reading seldom fails where opening did not: it is the disk that is full.
            let copied = copied.map_err(|error| Problem::of_path(&error, "copy into one file", &path))?;
            if copied == room {
                self.current = Some((path, file));
            }
            room -= copied;
        }
        Ok(Some(self))
    }
}
