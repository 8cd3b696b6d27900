use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// How the names of temporary files begin: what is watched leaves them out.
const PREFIX: &str = ".sandbar-tmp-";

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Names for what is about to take another place.
pub(crate) struct Temporary;

impl Temporary {
    /// The next name in `folder`. It may be taken: a sandbox that was stopped in the middle of a write has left one.
    fn next_in(folder: &Path) -> PathBuf {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        folder.join(format!("{PREFIX}{}-{count}", process::id()))
    }

    /// A free name in `folder`.
    pub(crate) fn free_in(folder: &Path) -> PathBuf {
        loop {
            let path = Self::next_in(folder);
            if fs::symlink_metadata(&path).is_err() {
                return path;
            }
        }
    }

    /// Makes something under a free name in `folder`.
    pub(super) fn make_in<T>(folder: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T)> {
        loop {
            let path = Self::next_in(folder);
            match make(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|made| (path, made)),
            }
        }
    }

    /// Whether a name is a temporary one.
    pub(crate) fn is_name(name: &OsStr) -> bool {
        name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
    }
}
