use std::fs;
use std::path::{Path, PathBuf};

use super::exclude::Exclude;
use super::{SkipReason, Skipped};
use crate::ClientError;

/// What there is to upload.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<LocalFile>,
    /// Directories that no file brings along as they are; those above come before those below.
    pub(super) folders: Vec<LocalFolder>,
    pub(super) skipped: Vec<Skipped>,
}

/// A directory of this machine.
#[derive(Clone, Debug)]
pub(super) struct LocalFolder {
    /// Where it goes, as that of a file.
    pub(super) within: String,
    pub(super) mode: Option<u32>,
    /// Whether nothing in it is uploaded.
    pub(super) is_empty: bool,
}

/// A file of this machine.
#[derive(Clone, Debug)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    /// Where it goes, relative to the directory, with slashes.
    pub(super) within: String,
    /// As the system tells it, which need not be what can be read.
    pub(super) size: u64,
    pub(super) mode: Option<u32>,
}

/// The mode of directories that are made with the files in them.
const USUAL_MODE: u32 = 0o755;

/// Looks through a directory, in the order of names. Symlinks in it are not followed.
pub(super) fn walk(root: &Path, exclude: &Exclude) -> Result<Tree, ClientError> {
    let mut tree = Tree::default();
    let root_mode = fs::metadata(root).ok().as_ref().and_then(mode_of);
    let mut open = vec![(root.to_owned(), String::new(), root_mode)];
    while let Some((folder, within, mode)) = open.pop() {
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
                open.push((entry.path(), place, mode_of(&metadata)));
            } else if kind.is_file() {
                is_empty = false;
                tree.files.push(LocalFile::new(entry.path(), place, &metadata));
            } else {
                let reason = if kind.is_symlink() { SkipReason::Symlink } else { SkipReason::Special };
                tree.skipped.push(Skipped::new(place, reason));
            }
        }
        if is_empty || mode.is_some_and(|mode| mode != USUAL_MODE) {
            tree.folders.push(LocalFolder { within, mode, is_empty });
        }
    }
    Ok(tree)
}

impl LocalFile {
    pub(super) fn new(path: PathBuf, within: String, metadata: &fs::Metadata) -> Self {
        // The mode of a pipe or a device is not one for what was read of it.
        let mode = mode_of(metadata).filter(|_| metadata.is_file());
        Self { path, within, size: metadata.len(), mode }
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
