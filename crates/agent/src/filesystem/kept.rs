use std::fs;
use std::path::{Path, PathBuf};

use crate::environment::{Environment, HOME};
use crate::problem::Problem;

/// Refuses to `undo` (as "remove") the sandbox's home, the folder in which commands start, and all above them.
pub(super) fn check(path: &Path, undo: &str, environment: &Environment) -> Result<(), Problem> {
    let real = real(path);
    let kept = [Path::new(HOME), environment.home(), environment.workdir()];
    if kept.into_iter().any(|kept| kept.starts_with(path) || whole(kept).starts_with(&real)) {
        return Err(Problem::denied(format!(
            "can't {undo} {}: the sandbox needs it; what is in it may go",
            path.display()
        )));
    }
    Ok(())
}

/// Without symlinks above: a symlink itself may go.
fn real(path: &Path) -> PathBuf {
    match (path.parent().map(whole), path.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

/// Without symlinks, if it is there.
fn whole(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
