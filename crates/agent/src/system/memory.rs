use std::fs;

use nix::sys::statfs::{TMPFS_MAGIC, statfs};

/// Where a sandbox has file systems in memory.
const IN_MEMORY: [&str; 4] = ["/dev/shm", "/run", "/tmp", "/var"];

/// The memory of the sandbox, in bytes, as its own processes show it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Private to processes; what several share is counted once.
    pub(super) used: u64,
    /// Files: those that processes have mapped, by their shares, and those in memory, as in `/tmp`.
    pub(super) cache: u64,
}

impl Memory {
    pub(super) fn now() -> Self {
        let mut all = Self::default();
        for file in processes() {
            let of_one = fs::read_to_string(file).map(|text| Self::of(&text)).unwrap_or_default();
            all.used += of_one.used;
            all.cache += of_one.cache;
        }
        all.cache += IN_MEMORY.iter().map(|path| bytes_in(path)).sum::<u64>();
        all
    }

    /// What `smaps_rollup` says of one process.
    fn of(rollup: &str) -> Self {
        let field = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        Self { used: field("Pss_Anon:"), cache: field("Pss_File:") }
    }

    /// The whole machine's.
    pub(super) fn of_machine() -> u64 {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
        total.and_then(|total| total.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
    }
}

fn processes() -> impl Iterator<Item = String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some(format!("/proc/{pid}/smaps_rollup"))
    })
}

fn bytes_in(path: &str) -> u64 {
    let Ok(found) = statfs(path) else { return 0 };
    if found.filesystem_type() != TMPFS_MAGIC {
        return 0;
    }
    let block = u64::try_from(found.block_size()).unwrap_or(0);
    found.blocks().saturating_sub(found.blocks_free()).saturating_mul(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_in_bytes() {
        let text = "5580-7fff ---p 00000000 00:00 0 [rollup]\nRss: 40 kB\nPss_Anon:    12 kB\nPss_File:     3 kB\n";
        assert_eq!(Memory::of(text), Memory { used: 12 * 1024, cache: 3 * 1024 });
        assert_eq!(Memory::of(""), Memory::default());
    }
}
