use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, fallocate};

use crate::disk::Disk;

/// Enough for the records of hundreds of sandboxes.
const SIZE: u64 = 4 * 1024 * 1024;
/// What is given up at once: on a full disk whatever writes takes what is free, so that little is free at a time.
const SLICE: u64 = 128 * 1024;
/// It is filled while this is free beside it.
const ROOM: u64 = 2 * SIZE;

/// A file that keeps room on the disk, given up slice by slice when there is no other: sandboxes can be paused and deleted
/// on a full disk.
pub(crate) struct Reserve {
    file: PathBuf,
    /// How much it holds.
    held: AtomicU64,
}

impl Reserve {
    /// Fills the file, making it if there is none, as far as the disk has room.
    pub(crate) fn open(file: PathBuf) -> Self {
        let held = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
        let reserve = Self { file, held: AtomicU64::new(held) };
        reserve.fill();
        reserve
    }

    /// Gives a slice back to the disk. `false` if none is left.
    pub(crate) fn give_up(&self) -> bool {
        let held = self.held.load(Ordering::Relaxed);
        let left = held.saturating_sub(SLICE);
        if held == 0 || OpenOptions::new().write(true).open(&self.file).and_then(|file| file.set_len(left)).is_err() {
            return false;
        }
        self.held.store(left, Ordering::Relaxed);
        tracing::warn!("the disk is full: {} KiB are left of the reserve for records", left / 1024);
        true
    }

    /// Takes back what was given up, once the disk has room.
    pub(crate) fn fill(&self) {
        if self.held.load(Ordering::Relaxed) >= SIZE || !self.has_room() {
            return;
        }
        match allocate(&self.file) {
            Ok(()) => self.held.store(SIZE, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!("no room is kept for records on a full disk: {}: {error}", self.file.display())
            }
        }
    }

    fn has_room(&self) -> bool {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        Disk::of(folder).is_ok_and(|disk| disk.bytes.free >= ROOM)
    }
}

fn allocate(file: &Path) -> io::Result<()> {
    let mut file: File = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(file)?;
    match fallocate(&file, FallocateFlags::empty(), 0, SIZE) {
        // Where the file system does not know it.
        Err(rustix::io::Errno::OPNOTSUPP) => {
            file.set_len(0)?;
            (0..SIZE / SLICE).try_for_each(|_| file.write_all(&[0; SLICE as usize]))
        }
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// What the file takes of the disk.
    fn taken(file: &Path) -> u64 {
        std::fs::metadata(file).map_or(0, |metadata| metadata.blocks() * 512)
    }

    #[test]
    fn a_reserve_is_given_up_in_slices_and_filled_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("reserve");
        let reserve = Reserve::open(file.clone());
        assert!(taken(&file) >= SIZE, "{} bytes", taken(&file));
        assert!(reserve.give_up());
        assert!(taken(&file) <= SIZE - SLICE, "{} bytes", taken(&file));
        reserve.fill();
        assert!(taken(&file) >= SIZE, "{} bytes", taken(&file));
    }

    #[test]
    fn a_reserve_ends_with_its_last_slice() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("reserve");
        let reserve = Reserve::open(file.clone());
        let slices = std::iter::from_fn(|| reserve.give_up().then_some(())).count();
        assert_eq!((slices as u64, taken(&file)), (SIZE / SLICE, 0));
    }
}
