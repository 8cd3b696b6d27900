use std::fs;
use std::path::{Path, PathBuf};

use super::exclude::Exclude;
use super::{SkipReason, Skipped};
use crate::ClientError;

/// What there is to upload.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<LocalFile>,
    /// Directories without anything in them that is uploaded.
    pub(super) empty: Vec<String>,
    pub(super) skipped: Vec<Skipped>,
}

/// A file of this machine.
#[derive(Clone, Debug)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    /// Where it goes, relative to the directory, with slashes.
    pub(super) within: String,
    pub(super) size: u64,
    pub(super) mode: Option<u32>,
}

/// Looks through a directory, in the order of names. Symlinks in it are not followed.
pub(super) fn walk(root: &Path, exclude: &Exclude) -> Result<Tree, ClientError> {
    let mut tree = Tree::default();
    let mut open = vec![(root.to_owned(), String::new())];
    while let Some((folder, within)) = open.pop() {
        let listing = |error| ClientError::local(&folder, "list", error);
        let mut entries = fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(listing)?;
        entries.sort_unstable_by_key(fs::DirEntry::file_name);
        let mut is_empty = true;
        for entry in entries {
            let Ok(name) = entry.file_name().into_string() else {
                let name = entry.file_name().to_string_lossy().into_owned();
                tree.skipped.push(Skipped::new(below(&within, &name), SkipReason::Name));
                continue;
            };
            let place = below(&within, &name);
            if exclude.matches(&place) {
                continue;
            }
            let Ok(metadata) = entry.metadata() else {
                tree.skipped.push(Skipped::new(place, SkipReason::Gone));
                continue;
            };
            let kind = metadata.file_type();
            if kind.is_dir() {
                is_empty = false;
                open.push((entry.path(), place));
            } else if kind.is_file() {
                is_empty = false;
                tree.files.push(LocalFile::new(entry.path(), place, &metadata));
            } else {
                let reason = if kind.is_symlink() { SkipReason::Symlink } else { SkipReason::Special };
                tree.skipped.push(Skipped::new(place, reason));
            }
        }
        if is_empty {
            tree.empty.push(within);
        }
    }
    Ok(tree)
}

impl LocalFile {
    pub(super) fn new(path: PathBuf, within: String, metadata: &fs::Metadata) -> Self {
        Self { path, within, size: metadata.len(), mode: mode_of(metadata) }
    }
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "Windows has none")]
fn mode_of(metadata: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(metadata.mode() & 0o777)
}

#[cfg(not(unix))]
fn mode_of(_: &fs::Metadata) -> Option<u32> {
    None
}
