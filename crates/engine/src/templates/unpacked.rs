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

    /// Puts aside all versions but these, and those that a sandbox still uses, and removes them beside all else.
    pub(super) async fn keep_only(&self, versions: &[String]) {
        let _turn = self.turn.lock().await;
        if let Err(error) = put_aside(&self.folder, versions) {
            tracing::warn!("can't put aside old root file systems in {}: {error}", self.folder.display());
        }
        let folder = self.folder.clone();
        // A thread, as the end of the engine does not wait for one: the next engine goes on with it.
        let remover = std::thread::Builder::new().name("remover".to_owned()).spawn(move || {
            if let Err(error) = remove_old(&folder) {
                tracing::warn!("can't remove old root file systems in {}: {error}", folder.display());
            }
        });
        if let Err(error) = remover {
            tracing::warn!("no thread to remove old root file systems: {error}");
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

fn put_aside(folder: &Path, versions: &[String]) -> io::Result<()> {
    for path in folders(folder)? {
        let current = versions.iter().any(|version| path.ends_with(version));
        // Every runtime holds a lock on the folder that is its root.
        if is(&path, REMOVED) || current || File::open(&path)?.try_lock().is_err() {
            continue;
        }
        tracing::info!("removing the root file system {}, which no template has any more", path.display());
        fs::rename(&path, path.with_added_extension(REMOVED))?;
    }
    Ok(())
}

fn remove_old(folder: &Path) -> io::Result<()> {
    folders(folder)?.iter().filter(|path| is(path, REMOVED)).try_for_each(|path| remove(path))
}

fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.path())).collect(),
    }
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn remove(folder: &Path) -> io::Result<()> {
    match sandbar_tree::remove(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};

    use super::*;

    #[tokio::test]
    async fn what_no_template_has_and_no_sandbox_uses_is_removed() {
        // In memory, if that can be: some disks take milliseconds for each directory.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        for name in ["kept-1", "used-2", "stale-3", "begun-4.new", "begun-5.old"] {
            fs::create_dir_all(folder.path().join(name).join("bin")).unwrap();
        }
        let mut nested = File::open(folder.path().join("stale-3")).unwrap();
        for _ in 0..15_000 {
            mkdirat(&nested, "x", Mode::RWXU).unwrap();
            nested = openat(&nested, "x", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap().into();
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
        let until_left = async |names: &[&str]| {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
            while left() != names {
                assert!(std::time::Instant::now() < deadline, "{:?} and not {names:?}", left());
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        unpacked.keep_only(&["kept-1".to_owned()]).await;
        until_left(&["kept-1", "used-2"]).await;
        drop(used);
        unpacked.keep_only(&[]).await;
        until_left(&[]).await;
    }
}
