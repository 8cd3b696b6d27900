//! A move from one file system to another: a copy that takes its place at once, and then the removal of the source.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::move_to::why;
use crate::files::Temporary;
use crate::problem::Problem;

/// Moves by copying. What fails leaves the source whole, and nothing at the destination.
pub(super) fn move_across(source: &Path, destination: &Path) -> Result<(), Problem> {
    let folder = destination.parent().unwrap_or(Path::new("/"));
    let temporary = Temporary::free_in(folder);
    copy_all(source, &temporary)
        .and_then(|()| fs::rename(&temporary, destination).map_err(|error| why(&error, source, destination)))
        .inspect_err(|_| {
            // What was not even made need not be removed.
            let _ = sandbar_tree::remove(&temporary);
        })?;
    sandbar_tree::remove(source).map_err(|error| {
        Problem::of_path(&error, "remove", source).noting(&format!("{} is a copy of it", destination.display()))
    })
}

/// Copies a file, or a folder with all that is in it; symlinks stay symlinks.
fn copy_all(source: &Path, target: &Path) -> Result<(), Problem> {
    let mut folders = Vec::new();
    let mut waiting = vec![(source.to_owned(), target.to_owned())];
    while let Some((from, to)) = waiting.pop() {
        let failed = |error: io::Error| Problem::of_path(&error, "copy", &from);
        let metadata = fs::symlink_metadata(&from).map_err(failed)?;
        if metadata.is_dir() {
            fs::create_dir(&to).map_err(failed)?;
            for entry in fs::read_dir(&from).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name();
                waiting.push((from.join(&name), to.join(&name)));
            }
            folders.push((from, to));
        } else if metadata.is_symlink() {
            fs::read_link(&from).and_then(|leads| symlink(leads, &to)).map_err(failed)?;
        } else if metadata.is_file() {
            fs::copy(&from, &to).and_then(|_| keep_time(&from, &to)).map_err(failed)?;
        } else {
            return Err(Problem::invalid(format!(
                "{} is a pipe, a socket or a device: it can't be moved to another file system",
                from.display()
            )));
        }
    }
    // After what is in them, which would change their times, or could not be made in a folder that is read-only.
    folders.into_iter().rev().try_for_each(|(from, to): (PathBuf, PathBuf)| {
        let kept = fs::metadata(&from).and_then(|metadata| fs::set_permissions(&to, metadata.permissions()));
        kept.and_then(|()| keep_time(&from, &to)).map_err(|error| Problem::of_path(&error, "copy", &from))
    })
}

fn keep_time(from: &Path, to: &Path) -> io::Result<()> {
    let modified = fs::metadata(from)?.modified()?;
    File::open(to)?.set_modified(modified)
}
