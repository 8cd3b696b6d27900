use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, open, openat, statat};

use super::processes;

/// What even an empty file takes: its entry and its place in the file system's tables.
const LEAST_PER_FILE: u64 = 4096;
const BLOCK: u64 = 512;
/// How deep folders may be nested: each level holds a descriptor open.
const MAX_DEPTH: usize = 256;
/// How many descriptors of a sandbox's processes are looked at for deleted files.
const MAX_DESCRIPTORS: usize = 20_000;

/// How much a home takes of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HomeSize {
    /// In bytes; what goes beyond the limit is not counted further.
    Bytes(u64),
    /// Its folders are nested too deeply to be measured.
    TooDeep,
}

/// Measures a home, with the files that were deleted in it and that a process below `init_pid` still holds open.
///
/// Whatever is in there may change meanwhile, and on purpose: no link is followed, and the way back is never by name.
pub(super) fn measure(home: &Path, init_pid: i32, limit: u64) -> io::Result<HomeSize> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut sum = Sum { bytes: 0, links: HashSet::new() };
    let mut open_folders = vec![Dir::new(open(home, flags, Mode::empty())?)?];
    while let Some(folder) = open_folders.last_mut() {
        if sum.bytes > limit {
            return Ok(HomeSize::Bytes(sum.bytes));
        }
        let Some(entry) = folder.next() else {
            open_folders.pop();
            continue;
        };
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        // It may be gone again, or closed to its own owner.
        let Ok(stat) = statat(folder.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        sum.add(&stat);
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory
            && let Ok(inner) = openat(folder.fd()?, name, flags, Mode::empty())
        {
            if open_folders.len() == MAX_DEPTH {
                return Ok(HomeSize::TooDeep);
            }
            open_folders.push(Dir::new(inner)?);
        }
    }
    let device = fs::metadata(home)?.dev();
    Ok(HomeSize::Bytes(sum.bytes + deleted(init_pid, device)))
}

struct Sum {
    bytes: u64,
    /// Files with several names, which count once.
    links: HashSet<u64>,
}

impl Sum {
    fn add(&mut self, stat: &Stat) {
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if is_folder || stat.st_nlink == 1 || self.links.insert(stat.st_ino) {
            let blocks = u64::try_from(stat.st_blocks).unwrap_or_default();
            self.bytes = self.bytes.saturating_add((blocks * BLOCK).max(LEAST_PER_FILE));
        }
    }
}

/// What files without a name take on the home's disk.
fn deleted(init_pid: i32, device: u64) -> u64 {
    let mut seen = HashSet::new();
    let descriptors = processes::tree(init_pid)
        .into_iter()
        .flat_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten())
        .take(MAX_DESCRIPTORS);
    let files = descriptors.filter_map(|descriptor| fs::metadata(descriptor.path()).ok());
    files
        .filter(|file| file.is_file() && file.nlink() == 0 && file.dev() == device && seen.insert(file.ino()))
        .map(|file| file.blocks() * BLOCK)
        .sum()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const LIMIT: u64 = 64 << 20;

    fn bytes(home: &Path) -> u64 {
        // No process has this ID.
        match measure(home, i32::MAX, LIMIT).unwrap() {
            HomeSize::Bytes(bytes) => bytes,
            HomeSize::TooDeep => panic!("too deep"),
        }
    }

    #[test]
    fn what_is_inside_counts_once_and_links_are_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        fs::write(path("folder/file"), vec![1; 1 << 20]).unwrap();
        let before = bytes(home.path());
        assert!(((1 << 20)..(1 << 20) + 16 * 1024).contains(&before), "{before}");
        fs::hard_link(path("folder/file"), path("again")).unwrap();
        symlink("/usr", path("usr")).unwrap();
        fs::write(path("empty"), "").unwrap();
        assert_eq!(bytes(home.path()) - before, 2 * LEAST_PER_FILE);
    }

    #[test]
    fn a_file_counts_for_the_blocks_that_it_takes() {
        let home = tempfile::tempdir().unwrap();
        fs::File::create(home.path().join("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(bytes(home.path()), LEAST_PER_FILE);
    }

    #[test]
    fn measuring_ends_at_the_limit_and_at_a_depth() {
        let home = tempfile::tempdir().unwrap();
        for n in 0..100 {
            fs::write(home.path().join(n.to_string()), "").unwrap();
        }
        let limited = measure(home.path(), i32::MAX, 10 * LEAST_PER_FILE).unwrap();
        assert_eq!(limited, HomeSize::Bytes(11 * LEAST_PER_FILE));
        fs::create_dir_all(home.path().join("x/".repeat(MAX_DEPTH))).unwrap();
        assert_eq!(measure(home.path(), i32::MAX, LIMIT).unwrap(), HomeSize::TooDeep);
    }

    #[test]
    fn a_deleted_file_counts_while_it_is_open() {
        use std::io::Write;
        let home = tempfile::tempdir().unwrap();
        let own_pid = std::process::id().cast_signed();
        let mut file = tempfile::tempfile_in(home.path()).unwrap();
        file.write_all(&vec![1; 1 << 20]).unwrap();
        let size = measure(home.path(), own_pid, LIMIT).unwrap();
        assert!(matches!(size, HomeSize::Bytes(bytes) if bytes >= 1 << 20), "{size:?}");
    }
}
