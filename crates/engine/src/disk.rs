//! How much room there is where the engine keeps its files.

use std::io;
use std::path::Path;

/// From which share of free space on a disk counts as low, in percent. Default 10 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiskLimits {
    /// Below it there is a warning.
    pub low_percent: f64,
    /// Below it the disk counts as full.
    pub full_percent: f64,
}

impl Default for DiskLimits {
    fn default() -> Self {
        Self { low_percent: 10.0, full_percent: 1.0 }
    }
}

/// What a disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// In bytes, or in files.
    pub total: u64,
    /// What the engine's user may still take.
    pub free: u64,
}

impl Room {
    /// The free share of the total, in percent.
    pub fn free_percent(self) -> f64 {
        self.free as f64 / self.total as f64 * 100.0
    }
}

/// The disk of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// In bytes.
    pub bytes: Room,
    /// In files; none where the file system does not count them.
    pub files: Option<Room>,
}

impl Disk {
    /// Asks the file system.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let stat = rustix::fs::statvfs(folder)?;
        // What is kept back for root is neither used nor free.
        let total = stat.f_blocks.saturating_sub(stat.f_bfree.saturating_sub(stat.f_bavail));
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        let files = Room { total: stat.f_files, free: stat.f_favail };
        Ok(Self {
            bytes: Room { total: bytes(total).max(1), free: bytes(stat.f_bavail) },
            files: (files.total > 0).then_some(files),
        })
    }
}
