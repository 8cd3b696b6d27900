//! Walks below one folder, by descriptor and through no link.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Mode, OFlags, chmodat, mkdirat, openat, unlinkat};
use rustix::io::Errno;

use super::unpack::UnpackError;

/// Everyone may look into every folder, as sandboxes' users are not its owner.
pub(super) const FOLDER: Mode = Mode::from_raw_mode(0o755);

/// The longest path that a program can open, without the zero at its end.
const MAX_PATH_BYTES: usize = 4095;

/// The names on the way to an entry.
pub(super) fn names(path: &[u8]) -> Result<Vec<&OsStr>, UnpackError> {
    if path.len() > MAX_PATH_BYTES {
        let why = format!("its entry {} has a path of more than {MAX_PATH_BYTES} bytes", shown(path));
        return Err(UnpackError::Tar(why));
    }
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")).collect();
    if names.contains(&b"..".as_slice()) {
        return Err(UnpackError::Tar(format!("its entry {} leads out of it", shown(path))));
    }
    Ok(names.into_iter().map(OsStr::from_bytes).collect())
}

/// A folder's own folder, made if it is missing.
pub(super) fn enter(parent: &OwnedFd, name: &OsStr, path: &[u8]) -> Result<OwnedFd, UnpackError> {
    let open = || {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(parent, name, flags, Mode::empty())
    };
    let entered = match open() {
        Err(Errno::NOENT) => {
            mkdirat(parent, name, FOLDER)?;
            // The engine's umask may have taken from it.
            chmodat(parent, name, FOLDER, AtFlags::empty())?;
            open()
        }
        entered => entered,
    };
    match entered {
        Err(Errno::NOTDIR | Errno::LOOP) => {
            Err(UnpackError::Tar(format!("its entry {} lies below a link or a file", shown(path))))
        }
        entered => Ok(entered?),
    }
}

/// A later entry takes an earlier one's place.
pub(super) fn clear(parent: &OwnedFd, name: &OsStr, path: &[u8]) -> Result<(), UnpackError> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {
            Err(UnpackError::Tar(format!("its entry {} is a folder as well", shown(path))))
        }
        Err(error) => Err(error.into()),
    }
}

/// A path for people.
pub(super) fn shown(path: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(path).chars().take(200).collect::<String>())
}
