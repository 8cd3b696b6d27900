use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandbar_protocol::Diagnostic;
use tokio::sync::{Mutex, oneshot};

use super::error::rootfs_broken;
use super::rootfs::{Tar, check};
use super::unpack::{UnpackError, unpack};
use crate::driver::disk_error;

/// A folder in the making, and one that is to go: no start uses them.
const UNFINISHED: &str = "new";
const REMOVED: &str = "old";

/// The unpacked root file systems: `rootfs/<version>` in the data folder.
#[derive(Clone, Debug)]
pub(super) struct Unpacked {
    folder: PathBuf,
    /// One at a time: the disk would not be quicker for two.
    turn: Arc<Mutex<()>>,
}

impl Unpacked {
    pub(super) fn in_folder(folder: PathBuf) -> Self {
        Self { folder, turn: Arc::default() }
    }

    /// The tar's folder, unpacked if it is not there, and whether that had to be waited for.
    pub(super) async fn folder_of(&self, tar: &Tar) -> Result<(PathBuf, bool), Diagnostic> {
        let folder = self.folder.join(tar.version());
        if folder.is_dir() {
            return Ok((folder, false));
        }
        let turn = self.turn.clone().lock_owned().await;
        if folder.is_dir() {
            return Ok((folder, true));
        }
        let (answer, answered) = oneshot::channel();
        let (tar, target) = (tar.clone(), folder.clone());
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            // Nobody waits for it any more: another start begins anew.
            let made = make(&tar, &target, || answer.is_closed());
            let _ = answer.send(made);
        });
        let gone = |_| rootfs_broken(format!("unpacking {} broke off", folder.display()));
        answered.await.map_err(gone)??;
        Ok((folder, true))
    }

    /// Removes all versions but these, and those that a sandbox still uses.
    pub(super) async fn keep_only(&self, versions: Vec<String>) {
        let folder = self.folder.clone();
        let turn = self.turn.clone().lock_owned().await;
        let removed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            remove_stale(&folder, &versions)
        });
        if let Ok(Err(error)) = removed.await {
            tracing::warn!("can't remove what is left of root file systems: {error}");
        }
    }
}

fn make(tar: &Tar, folder: &Path, abandoned: impl Fn() -> bool) -> Result<(), Diagnostic> {
    let begun = std::time::Instant::now();
    let unfinished = folder.with_added_extension(UNFINISHED);
    let made = unpack_beside(tar, &unfinished, abandoned).and_then(|()| Ok(fs::rename(&unfinished, folder)?));
    if let Err(error) = made {
        let _ = remove(&unfinished);
        let message = format!("the root file system {} can't be used: ", tar.path().display());
        return Err(match error {
            UnpackError::Tar(why) => rootfs_broken(format!("{message}{why}")),
            UnpackError::Disk(error) => disk_error("can't unpack a root file system to", folder, &error),
        });
    }
    tracing::info!("unpacked {} in {:.1?}", tar.path().display(), begun.elapsed());
    Ok(())
}

/// Under another name until it is complete and on the disk: a crash in between must not leave a part of it.
fn unpack_beside(tar: &Tar, unfinished: &Path, abandoned: impl Fn() -> bool) -> Result<(), UnpackError> {
    remove(unfinished)?;
    DirBuilder::new().recursive(true).mode(0o700).create(unfinished)?;
    unpack(tar.path(), unfinished, abandoned)?;
    check(unfinished).map_err(UnpackError::Tar)?;
    rustix::fs::syncfs(File::open(unfinished)?).map_err(io::Error::from)?;
    Ok(())
}

fn remove_stale(folder: &Path, versions: &[String]) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let is = |extension| path.extension().is_some_and(|found| found == extension);
        if versions.iter().any(|version| path.ends_with(version)) {
            continue;
        }
        if is(UNFINISHED) || is(REMOVED) {
            remove(&path)?;
            continue;
        }
        // Every runtime holds a lock on the folder that is its root.
        if File::open(&path)?.try_lock().is_ok() {
            tracing::info!("removing the root file system {}, which no template has any more", path.display());
            let removed = path.with_added_extension(REMOVED);
            fs::rename(&path, &removed)?;
            remove(&removed)?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_no_template_has_and_no_sandbox_uses_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kept-1", "used-2", "stale-3", "begun-4.new", "begun-5.old"] {
            fs::create_dir_all(folder.path().join(name).join("bin")).unwrap();
        }
        let used = File::open(folder.path().join("used-2")).unwrap();
        used.lock_shared().unwrap();
        let unpacked = Unpacked::in_folder(folder.path().to_owned());
        let left = || {
            let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        unpacked.keep_only(vec!["kept-1".to_owned()]).await;
        assert_eq!(left(), ["kept-1", "used-2"]);
        drop(used);
        unpacked.keep_only(Vec::new()).await;
        assert_eq!(left(), Vec::<String>::new());
    }
}
