use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::ClientError;

/// What the owner needs to put something into a directory.
#[cfg(unix)]
const OWNER: u32 = 0o700;

/// A directory that files can be put into, and the mode that it gets when all is in it.
pub(super) struct MadeFolder {
    place: PathBuf,
    mode: u32,
}

/// Makes a directory with those above it. One that is there keeps its mode.
pub(super) fn make_root(root: &Path, mode: Option<u32>) -> Result<Option<MadeFolder>, ClientError> {
    let was_there = root.is_dir();
    fs::create_dir_all(root).map_err(|error| ClientError::local(root, "make the directory", error))?;
    Ok(mode.filter(|_| !was_there).map(|mode| MadeFolder { place: root.to_owned(), mode }))
}

/// Makes the directories of a place below `root`; the last one is to have this mode if it was made here. What is there
/// already must be directories: a symlink could lead elsewhere.
pub(super) fn make_folders(root: &Path, within: &Path, mode: Option<u32>) -> Result<Option<MadeFolder>, ClientError> {
    let mut place = root.to_owned();
    let mut is_new = false;
    for name in within.components() {
        place.push(name);
        is_new = make_one(&place)?;
    }
    Ok(match mode {
        Some(mode) if is_new => Some(MadeFolder { place, mode }),
        Some(mode) => reopened(&place, mode).map(|mode| MadeFolder { place, mode }),
        None => None,
    })
}

/// Opens a directory that was there for its owner, if it is closed on both sides: what was downloaded once can be downloaded
/// again. The mode that it had.
#[cfg(unix)]
fn reopened(place: &Path, mode: u32) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let before = fs::metadata(place).ok()?.permissions().mode() & 0o7777;
    let is_closed = |mode: u32| mode & OWNER != OWNER;
    // Somebody else's stays as it is, and what is put into it says why it can't be.
    let opened = is_closed(mode) && is_closed(before) && set_mode(place, before | OWNER).is_ok();
    opened.then_some(before)
}

#[cfg(not(unix))]
fn reopened(_: &Path, _: u32) -> Option<u32> {
    None
}

/// Whether it was not there before.
fn make_one(place: &Path) -> Result<bool, ClientError> {
    match fs::symlink_metadata(place) {
        Ok(metadata) if metadata.is_dir() => return Ok(false),
        Ok(_) => {
            let problem = "something that is no directory is in the way: remove it, or download to another place";
            return Err(ClientError::local(place, "make the directory", problem));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(ClientError::local(place, "look at", error)),
    }
    match fs::create_dir(place) {
        Ok(()) => Ok(true),
        // Another file of the same directory was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(ClientError::local(place, "make the directory", error)),
    }
}

/// Gives directories their modes, the deepest first: one without the right to search closes what is in it.
pub(super) fn set_modes(mut made: Vec<MadeFolder>) -> Result<(), ClientError> {
    made.sort_unstable_by(|one, other| other.place.cmp(&one.place));
    made.iter().try_for_each(|MadeFolder { place, mode }| {
        set_mode(place, *mode).map_err(|error| ClientError::local(place, "set the mode of", error))
    })
}

#[cfg(unix)]
fn set_mode(place: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(place, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
