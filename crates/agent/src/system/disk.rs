use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;

/// The unit of a file's blocks, whatever the file system's own is.
const BLOCK: u64 = 512;

/// For how many times as long as a look took it is relied on, and for how long at most.
const RELIED_ON: u32 = 20;
const LONGEST: Duration = Duration::from_secs(10);

/// What the home takes. A home of many files takes its time to look through: who asks often gets what the last look found.
#[derive(Clone, Default)]
pub(crate) struct HomeMeter(Arc<Mutex<Option<Look>>>);

struct Look {
    bytes: u64,
    ended: Instant,
    took: Duration,
}

impl Look {
    fn is_relied_on(&self, now: Instant) -> bool {
        now.duration_since(self.ended) < self.took.saturating_mul(RELIED_ON).min(LONGEST)
    }
}

impl HomeMeter {
    /// What all files in the home take, in bytes. Those who ask at the same time wait for one look.
    pub(super) fn used(&self, home: &Path) -> u64 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        if let Some(look) = last.as_ref().filter(|look| look.is_relied_on(begun)) {
            return look.bytes;
        }
        let bytes = used_below(home);
        *last = Some(Look { bytes, ended: Instant::now(), took: begun.elapsed() });
        bytes
    }
}

/// What all files below a folder take, in bytes: a file with several names once, and other file systems not at all.
fn used_below(folder: &Path) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_relied_on_for_as_long_as_it_was_dear() {
        let ended = Instant::now();
        let look = |took| Look { bytes: 1, ended, took: Duration::from_millis(took) };
        let after = |millis| ended + Duration::from_millis(millis);
        assert!(look(100).is_relied_on(after(1_999)) && !look(100).is_relied_on(after(2_000)));
        assert!(look(60_000).is_relied_on(after(9_999)) && !look(60_000).is_relied_on(after(10_000)));
        assert!(!look(0).is_relied_on(ended));
    }
}
