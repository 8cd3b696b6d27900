//! Files without a name: they take room on the home's disk for as long as a process holds them.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{major, minor};

use super::processes;

const BLOCK: u64 = 512;
/// How many descriptors and mappings are looked at.
const MAX_LOOKS: usize = 200_000;

/// What a sandbox's processes hold.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// What was found, in bytes.
    pub(super) bytes: u64,
    /// Why there may be more.
    pub(super) obscure: Option<&'static str>,
}

/// Looks for deleted files of a device that are held by a process below `init_pid`: by descriptors and mappings. What waits in
/// a socket can't be looked at, but is counted by the kernel.
pub(super) fn find(init_pid: i32, device: u64, deadline: Instant) -> Hidden {
    let mut search = Search { device, seen: HashSet::new(), looks: 0, deadline, hidden: Hidden::default() };
    for pid in processes::tree(init_pid) {
        if search.is_over() {
            break;
        }
        search.process(&PathBuf::from(format!("/proc/{pid}/task")));
    }
    search.hidden
}

struct Search {
    device: u64,
    /// Files and sockets, by device and number.
    seen: HashSet<(u64, u64)>,
    looks: usize,
    deadline: Instant,
    hidden: Hidden,
}

impl Search {
    fn process(&mut self, tasks: &Path) {
        let mut is_mapped = false;
        // Each thread: one may have descriptors of its own, and the first may have ended before the others.
        for task in self.entries(tasks) {
            for descriptor in self.entries(&task.join("fd")) {
                if self.is_over() {
                    return;
                }
                self.descriptor(&task, &descriptor);
            }
            if !is_mapped {
                is_mapped = self.mappings(&task);
            }
        }
    }

    fn descriptor(&mut self, task: &Path, descriptor: &Path) {
        self.looks += 1;
        // It may be closed by now.
        let Ok(found) = fs::metadata(descriptor) else { return };
        self.count(&found);
        if found.file_type().is_socket() && self.seen.insert((found.dev(), found.ino())) {
            let info = task.join("fdinfo").join(descriptor.file_name().unwrap_or_default());
            let info = fs::read_to_string(info).unwrap_or_default();
            let waiting = info.lines().find_map(|line| line.strip_prefix("scm_fds:"));
            if waiting.is_some_and(|count| count.trim() != "0") {
                self.hidden.obscure = Some("descriptors of open files wait in its sockets");
            }
        }
    }

    /// Whether there were any: a thread that has ended has none.
    fn mappings(&mut self, task: &Path) -> bool {
        let maps = fs::read(task.join("maps")).unwrap_or_default();
        let maps = String::from_utf8_lossy(&maps);
        for line in maps.lines() {
            if self.is_over() {
                break;
            }
            self.looks += 1;
            if line.ends_with(" (deleted)") {
                self.mapping(task, line);
            }
        }
        !maps.is_empty()
    }

    /// `start-end permissions offset device inode path`.
    fn mapping(&mut self, task: &Path, line: &str) {
        let mut fields = line.split_whitespace();
        let (range, device) = (fields.next().unwrap_or_default(), fields.nth(2).unwrap_or_default());
        let bounds = range.split_once('-').map(|(start, end)| [start, end].map(|text| u64::from_str_radix(text, 16)));
        let Some([Ok(start), Ok(end)]) = bounds else { return };
        // The folder of a thread among processes': that of one whose first thread has ended has no mappings.
        let thread = Path::new("/proc").join(task.file_name().unwrap_or_default());
        match fs::metadata(thread.join(format!("map_files/{start:x}-{end:x}"))) {
            Ok(found) => self.count(&found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Only the host's root may follow these.
            Err(_) if device == format!("{:02x}:{:02x}", major(self.device), minor(self.device)) => {
                self.hidden.obscure = Some("its processes have mapped deleted files");
            }
            Err(_) => {}
        }
    }

    fn count(&mut self, file: &Metadata) {
        let is_hidden = file.is_file() && file.nlink() == 0 && file.dev() == self.device;
        if is_hidden && self.seen.insert((file.dev(), file.ino())) {
            self.hidden.bytes = self.hidden.bytes.saturating_add(file.blocks().saturating_mul(BLOCK));
        }
    }

    fn entries(&mut self, folder: &Path) -> Vec<PathBuf> {
        match fs::read_dir(folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).take(MAX_LOOKS).collect(),
            // A process that has ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH) => {
                Vec::new()
            }
            Err(_) => {
                self.hidden.obscure = Some("some of its processes can't be looked at");
                Vec::new()
            }
        }
    }

    fn is_over(&mut self) -> bool {
        let is_over = self.looks >= MAX_LOOKS || Instant::now() >= self.deadline;
        if is_over {
            self.hidden.obscure = Some("its processes hold too many files to look at");
        }
        is_over
    }
}
