use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

/// The unit of a file's blocks, whatever the file system's own is.
const BLOCK: u64 = 512;

/// What all files below a folder take, in bytes: a file with several names once, and other file systems not at all.
pub(super) fn used_below(folder: &Path) -> u64 {
    let Ok(top) = fs::symlink_metadata(folder) else { return 0 };
    let mut several_names = HashSet::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let mut blocks = top.blocks();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            if found.dev() != top.dev() || (found.nlink() > 1 && found.is_file() && !several_names.insert(found.ino()))
            {
                continue;
            }
            blocks += found.blocks();
            if found.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    blocks.saturating_mul(BLOCK)
}

/// The whole file system that a folder is in, in bytes.
pub(super) fn size_of_file_system(folder: &Path) -> u64 {
    statvfs(folder).map_or(0, |found| found.blocks().saturating_mul(found.fragment_size()))
}
