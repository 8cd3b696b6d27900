use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// How the names of temporary files begin: what is watched leaves them out.
const PREFIX: &str = ".sandbar-tmp-";
/// What follows where nothing stands at the place to be taken.
const NEW: &str = "new-";
/// What follows where a file is replaced.
const OVER: &str = "over-";

static COUNT: AtomicU64 = AtomicU64::new(0);

/// What becomes of something under a temporary name, as the name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temporary {
    /// It takes a free place.
    New,
    /// It replaces a file.
    Over,
}

impl Temporary {
    /// The next name in `folder`. It may be taken: a sandbox that was stopped in the middle of a write has left one.
    fn next_in(self, folder: &Path) -> PathBuf {
        let kind = if self == Self::New { NEW } else { OVER };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        folder.join(format!("{PREFIX}{kind}{}-{count}", process::id()))
    }

    /// A free name in `folder`.
    pub(crate) fn free_in(self, folder: &Path) -> PathBuf {
        loop {
            let path = self.next_in(folder);
            if fs::symlink_metadata(&path).is_err() {
                return path;
            }
        }
    }

    /// Makes something under a free name in `folder`.
    pub(super) fn make_in<T>(self, folder: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T)> {
        loop {
            let path = self.next_in(folder);
            match make(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|made| (path, made)),
            }
        }
    }

    /// What a name says, if it is a temporary one.
    pub(crate) fn of_name(name: &OsStr) -> Option<Self> {
        let rest = name.to_str()?.strip_prefix(PREFIX)?;
        if rest.starts_with(OVER) { Some(Self::Over) } else { Some(Self::New) }
    }
}
