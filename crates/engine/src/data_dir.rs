use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::driver::TRASH;
use crate::keeper;
use crate::set_aside;
use crate::templates::{TEMPLATES, UNPACKED};

const STORE_FILE: &str = "engine.db";
const LOGS_FILE: &str = "logs.db";
const LOCK: &str = "lock";
const OWN: [&str; 7] = [TEMPLATES, UNPACKED, LOCK, TRASH, set_aside::FOLDER, "sandboxes", "run"];
/// Both databases with what SQLite keeps beside them, the reserve, and where the engine listens.
const OWN_PREFIXES: [&str; 3] = ["engine.", ".engine-", LOGS_FILE];

/// The folder in which an engine keeps records, files and templates. It belongs to one engine at a time.
#[derive(Debug)]
pub struct DataDir {
    folder: PathBuf,
    /// Held for as long as the folder is in use.
    _lock: File,
}

/// Why a data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The system refuses, or the folder is something else's.
    #[error("the data folder {} can't be used: {source}: choose another with --data-dir", folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another engine uses it.
    #[error("another engine uses the data folder {}: stop it, or choose another with --data-dir", .0.display())]
    InUse(PathBuf),
}

impl DataDir {
    /// Opens the folder, making it if it does not exist, with mode 0700: it holds tokens, environments and other
    /// people's files.
    pub fn open(folder: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable { folder: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let folder = folder.canonicalize().map_err(unusable)?;
        check_content(&folder).map_err(unusable)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
        let lock = File::create(folder.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(folder)),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// Whether [`Self::open`] would do, as far as can be told without changing anything.
    pub fn check(folder: &Path) -> Result<(), DataDirError> {
        let unusable = |source: io::Error| DataDirError::Unusable { folder: folder.to_owned(), source };
        let nearest = folder.ancestors().find(|above| above.exists()).unwrap_or(Path::new("."));
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        if !nearest.is_dir() {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        access(nearest, wanted).map_err(|error| unusable(error.into()))?;
        if nearest != folder {
            return Ok(());
        }
        check_content(folder).map_err(unusable)?;
        let lock = match File::open(folder.join(LOCK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            lock => lock.map_err(unusable)?,
        };
        match lock.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// What the engine that uses a folder holds open.
    pub fn lock_file(folder: &Path) -> PathBuf {
        folder.join(LOCK)
    }

    /// What engines could not use and have set aside in a folder, by its path in there.
    pub fn set_aside(folder: &Path) -> Vec<PathBuf> {
        set_aside::list(folder)
    }

    /// The folder itself, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn store_file(&self) -> PathBuf {
        self.folder.join(STORE_FILE)
    }

    pub(crate) fn logs_file(&self) -> PathBuf {
        self.folder.join(LOGS_FILE)
    }
}

/// A folder with other things in it is not ours to close: `--data-dir /tmp` is a slip.
fn check_content(folder: &Path) -> io::Result<()> {
    if folder.join(STORE_FILE).exists() || fs::read_dir(folder)?.all(is_ours) {
        return Ok(());
    }
    Err(io::Error::other("it holds other files and was not made by an engine"))
}

/// Whether an engine made it, which may have lost its database since; or templates that were laid there before its first.
fn is_ours(entry: io::Result<fs::DirEntry>) -> bool {
    let Ok(name) = entry.map(|entry| entry.file_name().to_string_lossy().into_owned()) else { return false };
    let mut known = OWN.into_iter().chain(keeper::FILES);
    known.any(|own| own == name) || OWN_PREFIXES.into_iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_private_and_belongs_to_one_engine() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let first = DataDir::open(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        for refused in [DataDir::open(&folder).map(drop), DataDir::check(&folder)] {
            let message = refused.unwrap_err().to_string();
            assert!(message.starts_with("another engine uses the data folder "), "{message}");
        }
        drop(first);
        assert!(DataDir::open(&folder).is_ok());
    }

    #[test]
    fn a_folder_of_other_things_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join(TEMPLATES)).unwrap();
        fs::write(folder.path().join("thesis.txt"), "").unwrap();
        for refused in [DataDir::open(folder.path()).map(drop), DataDir::check(folder.path())] {
            let message = refused.unwrap_err().to_string();
            assert!(message.contains("it holds other files and was not made by an engine"), "{message}");
        }
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o755);
        fs::remove_file(folder.path().join("thesis.txt")).unwrap();
        assert!(DataDir::check(folder.path()).is_ok());
        assert!(DataDir::open(folder.path()).is_ok());
    }

    #[test]
    fn a_check_changes_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        DataDir::check(&folder).unwrap();
        assert!(!parent.path().join("a").exists());
        fs::write(parent.path().join("file"), "").unwrap();
        let message = DataDir::check(&parent.path().join("file/b")).unwrap_err().to_string();
        assert!(message.contains("not a directory"), "{message}");
    }
}
