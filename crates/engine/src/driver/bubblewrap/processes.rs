//! What `/proc` says of a sandbox's processes, from its first one down.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use nix::unistd::{SysconfVar, sysconf};

/// Sums over the processes that there are. What those that ended have used is counted with their parents.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// CPU time in seconds.
    pub(super) user: f64,
    pub(super) system: f64,
    /// Processes and threads.
    pub(super) tasks: f64,
    /// Bytes that went from and to disks.
    pub(super) disk_read: f64,
    pub(super) disk_written: f64,
}

/// Bytes, packets, errors and drops of all network devices of a process's namespace: its loopback, so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    pub(super) received: [f64; 4],
    pub(super) sent: [f64; 4],
}

/// What a process and its descendants use.
pub(super) fn usage(init_pid: i32) -> Usage {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64;
    let mut usage = Usage::default();
    for pid in tree(init_pid) {
        // A process that has just ended has no numbers.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name, in brackets, may hold blanks and brackets itself.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let number = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        usage.user += (number(11) + number(13)) / ticks;
        usage.system += (number(12) + number(14)) / ticks;
        usage.tasks += number(17);
        let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
        usage.disk_read += field(&io, "read_bytes:");
        usage.disk_written += field(&io, "write_bytes:") - field(&io, "cancelled_write_bytes:");
    }
    usage
}

/// What went over the network, as a process sees it.
pub(super) fn traffic(pid: i32) -> Option<Traffic> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?;
    let mut traffic = Traffic::default();
    for line in text.lines().skip(2) {
        let numbers = line.rsplit(':').next().unwrap_or_default().split_whitespace();
        let numbers: Vec<f64> = numbers.map(|number| number.parse().unwrap_or_default()).collect();
        for index in 0..4 {
            traffic.received[index] += numbers.get(index).copied().unwrap_or_default();
            traffic.sent[index] += numbers.get(index + 8).copied().unwrap_or_default();
        }
    }
    Some(traffic)
}

/// The files that a process keeps open: by descriptors, or mapped, for which no descriptor is needed.
pub(super) fn open_files(pid: i32) -> u64 {
    let folder = PathBuf::from(format!("/proc/{pid}/fd"));
    // Before Linux 6.2 the size is 0.
    let counted = fs::metadata(&folder).map(|folder| folder.len()).ok().filter(|count| *count > 0);
    let descriptors = counted.unwrap_or_else(|| fs::read_dir(&folder).map_or(0, |entries| entries.count() as u64));
    descriptors + mapped_files(pid)
}

/// Lines of `maps` are `addresses rights offset device inode path`; of what is no file, the inode is 0.
fn mapped_files(pid: i32) -> u64 {
    let Ok(maps) = File::open(format!("/proc/{pid}/maps")) else { return 0 };
    // A path may be no text.
    let lines = BufReader::new(maps).split(b'\n').map_while(Result::ok);
    let is_file = |line: &Vec<u8>| line.split(|byte| *byte == b' ').nth(4).is_some_and(|inode| inode != b"0");
    lines.filter(is_file).count() as u64
}

/// A process and its descendants.
pub(super) fn tree(init_pid: i32) -> Vec<i32> {
    let mut tree = vec![init_pid];
    let mut looked_at = 0;
    while let Some(pid) = tree.get(looked_at) {
        tree.extend(children(*pid));
        looked_at += 1;
    }
    tree
}

fn children(pid: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// The number after a name, in lines of `name number`.
fn field(text: &str, name: &str) -> f64 {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_and_mapped_files_are_open_files() {
        let pid = std::process::id().cast_signed();
        // Other tests open a few meanwhile.
        let (before, mapped) = (open_files(pid), mapped_files(pid));
        let held: Vec<_> = (0..500).map(|_| File::open("/dev/null")).collect();
        assert!(open_files(pid) >= before + 400);
        assert!(mapped > 0, "its program, at least");
        drop(held);
    }
}
