use std::path::{Path, PathBuf};

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};

use super::new_file::Written;
use super::receive::receive;
use super::replacement::Replacement;
use crate::blocking::blocking;
use crate::environment::Environment;
use crate::paths::resolve;
use crate::problem::Problem;

/// Writes the files of a form, each part as it comes. Each is named by its file name; `at` is where the only one goes, or
/// the folder of several.
pub(super) async fn write(
    mut form: Multipart,
    at: Option<PathBuf>,
    environment: &Environment,
) -> Result<Vec<Written>, Problem> {
    let mut written = Vec::new();
    let done = write_parts(&mut form, at, environment, &mut written).await;
    match done {
        Ok(()) if written.is_empty() => Err(Problem::invalid("the form has no part: send at least one file")),
        Ok(()) => Ok(written.iter().map(|path| Written::at(path)).collect()),
        Err(problem) => Err(problem.noting(&format!("files of the form written before it: {}", written.len()))),
    }
}

async fn write_parts(
    form: &mut Multipart,
    at: Option<PathBuf>,
    environment: &Environment,
    written: &mut Vec<PathBuf>,
) -> Result<(), Problem> {
    let folder = match at {
        Some(at) if !is_dir(&at).await? => match write_first(form, at.clone(), environment).await? {
            First::Only(path) => {
                written.extend(path);
                return Ok(());
            }
            First::OfSeveral(first, second) => {
                written.extend([first, second]);
                Some(at)
            }
        },
        at => at,
    };
    while let Some(part) = form.next_field().await.map_err(broken)? {
        let path = place(&part, folder.as_deref(), environment)?;
        receive(part, path.clone(), None, Replacement::commit).await?;
        written.push(path);
    }
    Ok(())
}

enum First {
    Only(Option<PathBuf>),
    OfSeveral(PathBuf, PathBuf),
}

/// Whether the first part is the only one shows when the next one comes: until then it has no place.
async fn write_first(form: &mut Multipart, at: PathBuf, environment: &Environment) -> Result<First, Problem> {
    let Some(part) = form.next_field().await.map_err(broken)? else { return Ok(First::Only(None)) };
    let name = part.file_name().map(str::to_owned);
    let first = receive(part, at.clone(), None, Ok).await?;
    let Some(part) = form.next_field().await.map_err(broken)? else {
        blocking(move || first.commit()).await?;
        return Ok(First::Only(Some(at)));
    };
    let first_path = named(name.as_deref(), Some(&at), environment)?;
    let second_path = place(&part, Some(&at), environment)?;
    let target = first_path.clone();
    blocking(move || first.redirect(&target)?.commit()).await?;
    receive(part, second_path.clone(), None, Replacement::commit).await?;
    Ok(First::OfSeveral(first_path, second_path))
}

fn place(part: &Field<'_>, folder: Option<&Path>, environment: &Environment) -> Result<PathBuf, Problem> {
    named(part.file_name(), folder, environment)
}

fn named(name: Option<&str>, folder: Option<&Path>, environment: &Environment) -> Result<PathBuf, Problem> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(Problem::invalid("a part of the form has no file name: it is the path of the file"));
    };
    let Some(folder) = folder else { return resolve(name, environment) };
    let path = resolve(&format!("{}/{name}", folder.display()), environment)?;
    if path.starts_with(folder) {
        return Ok(path);
    }
    // The query may be signed, which a name in the form is not.
    Err(Problem::invalid(format!("the file name {name:?} leads out of {}, which `path` says", folder.display())))
}

async fn is_dir(path: &Path) -> Result<bool, Problem> {
    let path = path.to_owned();
    blocking(move || Ok(path.is_dir())).await
}

fn broken(error: MultipartError) -> Problem {
    Problem::invalid(format!("the form broke off: {}", error.body_text()))
}
