use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc::ELOOP;

use super::temporary::Temporary;
use crate::problem::Problem;

/// As many symlinks as the kernel follows.
const MAX_LINKS: usize = 40;
const DEFAULT_MODE: u32 = 0o644;
pub(super) const MODE_BITS: u32 = 0o7777;

/// New content for a file, which is there as a whole or not at all.
///
/// It is written under a temporary name in the file's folder and then takes its place. Dropped before, it is gone.
pub(crate) struct Replacement {
    /// As it was asked for.
    path: PathBuf,
    /// Behind all symlinks.
    target: PathBuf,
    mode: Option<u32>,
    /// A device is written to as it is, without one.
    temporary: Option<PathBuf>,
    file: File,
}

impl Replacement {
    /// Begins with no content; makes the folders above. A symlink stays: the file that it leads to is replaced.
    ///
    /// Without a `mode` the file keeps its own, and a new one has 0644.
    pub(crate) fn begin(path: &Path, mode: Option<u32>) -> Result<Self, Problem> {
        check_mode(mode, path)?;
        let failed = |error: io::Error| Problem::of_path(&error, "write", path);
        let (target, old) = follow(path).map_err(failed)?;
        if let Some(old) = &old {
            check_replaceable(old, path)?;
        }
        let (temporary, file) = match old.as_ref().filter(|old| !old.is_file()) {
            Some(_) => (None, OpenOptions::new().write(true).open(&target).map_err(failed)?),
            None => {
                let (temporary, file) = create_beside(&target, path)?;
                (Some(temporary), file)
            }
        };
        Ok(Self { path: path.to_owned(), target, mode, temporary, file })
    }

    /// Adds to the content.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.file.write_all(bytes).map_err(|error| Problem::of_path(&error, "write", &self.path))
    }

    /// The file under its temporary name.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Lets the content become another file instead.
    pub(super) fn redirect(mut self, path: &Path) -> Result<Self, Problem> {
        let mut other = Self::begin(path, self.mode)?;
        let (Some(ours), Some(theirs)) = (self.temporary.take(), other.temporary.as_ref()) else {
            return Err(Problem::invalid(format!("{} is a device, where a file is needed", path.display())));
        };
        fs::rename(ours, theirs).map_err(|error| Problem::of_path(&error, "write", path))?;
        std::mem::swap(&mut self.file, &mut other.file);
        Ok(other)
    }

    /// Takes the file's place.
    pub(crate) fn commit(mut self) -> Result<(), Problem> {
        let Some(temporary) = self.temporary.take() else { return Ok(()) };
        let taken = self.take_place(&temporary);
        if taken.is_err() {
            self.temporary = Some(temporary);
        }
        taken.map_err(|error| Problem::of_path(&error, "write", &self.path))
    }

    fn take_place(&self, temporary: &Path) -> io::Result<()> {
        let kept = || Some(fs::metadata(&self.target).ok()?.permissions().mode() & MODE_BITS);
        let mode = self.mode.or_else(kept).unwrap_or(DEFAULT_MODE);
        self.file.set_permissions(Permissions::from_mode(mode))?;
        fs::rename(temporary, &self.target)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            // Its folder may be gone, and the file with it.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Refuses what are no permission bits.
pub(super) fn check_mode(mode: Option<u32>, path: &Path) -> Result<(), Problem> {
    let Some(mode) = mode.filter(|mode| *mode > MODE_BITS) else { return Ok(()) };
    let path = path.display();
    Err(Problem::invalid(format!("`mode` of {path} is {mode}: permission bits, 0 to 4095, are taken")))
}

/// Makes the folders above a path.
pub(crate) fn make_parents(path: &Path) -> Result<(), Problem> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Problem::of_path(&ErrorKind::NotADirectory.into(), "write", path),
        _ => Problem::of_path(&error, "make the folder", parent),
    })
}

fn create_beside(target: &Path, path: &Path) -> Result<(PathBuf, File), Problem> {
    let folder = target.parent().unwrap_or(Path::new("/"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut made = Temporary::make_in(folder, |path| options.open(path));
    if made.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        make_parents(target)?;
        made = Temporary::make_in(folder, |path| options.open(path));
    }
    made.map_err(|error| Problem::of_path(&error, "write", path))
}

fn check_replaceable(old: &Metadata, path: &Path) -> Result<(), Problem> {
    let kind = old.file_type();
    if kind.is_dir() {
        return Err(Problem::of_path(&ErrorKind::IsADirectory.into(), "write", path));
    }
    if kind.is_fifo() || kind.is_socket() {
        return Err(Problem::invalid(format!("{} is a pipe or a socket, where a file is needed", path.display())));
    }
    Ok(())
}

/// Where a path leads behind all symlinks, and what is there; nothing need be.
fn follow(path: &Path) -> io::Result<(PathBuf, Option<Metadata>)> {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(found) if found.is_symlink() => {
                let link = fs::read_link(&target)?;
                target = target.parent().unwrap_or(Path::new("/")).join(link);
            }
            Ok(found) => return Ok((target, Some(found))),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((target, None)),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from_raw_os_error(ELOOP))
}
