use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::priority;

/// The deleted files of sandboxes, in a folder of the data folder, until a thread has removed them.
///
/// A home may hold millions of files: whoever deletes it, and whoever starts the next engine, does not wait for that.
pub(super) struct Trash {
    folder: PathBuf,
    wake: SyncSender<()>,
}

impl Trash {
    /// Opens it, and goes on with what an earlier engine has left in it.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let (wake, woken) = sync_channel(1);
        let target = folder.clone();
        // A thread, as the end of the engine does not wait for one.
        thread::Builder::new().name("remover".to_owned()).spawn(move || remove_what_comes(&target, &woken))?;
        let trash = Self { folder, wake };
        trash.wake();
        Ok(trash)
    }

    /// Takes a folder with everything in it: it has left its place when this returns. One that is not there is as good.
    pub(super) fn take(&self, path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default();
        let place = (0_u64..).map(|number| self.folder.join(name).with_added_extension(number.to_string()));
        for place in place {
            if fs::symlink_metadata(&place).is_ok() {
                continue;
            }
            match fs::rename(path, place) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                // Another took this place at the same time.
                Err(error) if is_taken(&error) => {}
                moved => {
                    self.wake();
                    return moved;
                }
            }
        }
        Ok(())
    }

    fn wake(&self) {
        // If it is full, the thread looks once more in any case.
        let _ = self.wake.try_send(());
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}

fn remove_what_comes(folder: &Path, woken: &Receiver<()>) {
    priority::come_last();
    let mut failed = HashSet::new();
    while woken.recv().is_ok() {
        if let Err(error) = remove_all_in(folder, &mut failed) {
            tracing::warn!("can't read {}: {error}", folder.display());
        }
    }
}

/// What can't be removed is tried again by the next engine.
fn remove_all_in(folder: &Path, failed: &mut HashSet<OsString>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if failed.contains(&entry.file_name()) {
            continue;
        }
        if let Err(error) = sandbar_tree::remove(&entry.path()) {
            tracing::warn!("can't remove {}: {error}", entry.path().display());
            failed.insert(entry.file_name());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn until(what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !condition() {
            assert!(Instant::now() < deadline, "not within a minute: {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn is_empty(folder: &Path) -> bool {
        fs::read_dir(folder).unwrap().next().is_none()
    }

    #[test]
    fn trash_removes_what_it_takes_and_what_an_earlier_one_left() {
        let data_dir = tempfile::tempdir().unwrap();
        let (place, home) = (data_dir.path().join("trash"), data_dir.path().join("sb-1"));
        fs::create_dir_all(place.join("sb-0.0/home")).unwrap();
        let trash = Trash::open(place.clone()).unwrap();
        until("the earlier one's is gone", || is_empty(&place));
        for _ in 0..3 {
            fs::create_dir_all(home.join("home/workspace")).unwrap();
            trash.take(&home).unwrap();
            assert!(!home.exists());
        }
        trash.take(&home).unwrap();
        until("all is gone", || is_empty(&place));
    }

    #[test]
    fn trash_goes_on_when_something_in_it_can_not_be_removed() {
        let data_dir = tempfile::tempdir().unwrap();
        // Immutable: as root, and on file systems that know it.
        let stuck = data_dir.path().join("trash/stuck.0");
        fs::create_dir_all(stuck.join("x")).unwrap();
        let immutable = |flag: &str| std::process::Command::new("chattr").arg(flag).arg(&stuck).status();
        if !immutable("+i").is_ok_and(|status| status.success()) {
            return;
        }
        let trash = Trash::open(data_dir.path().join("trash")).unwrap();
        let home = data_dir.path().join("sb-1");
        fs::create_dir_all(&home).unwrap();
        trash.take(&home).unwrap();
        until("the other one is gone", || fs::read_dir(data_dir.path().join("trash")).unwrap().count() == 1);
        immutable("-i").unwrap();
        drop(trash);
        let _trash = Trash::open(data_dir.path().join("trash")).unwrap();
        until("the next one removes it", || is_empty(&data_dir.path().join("trash")));
    }
}
