//! Unpacks a tar that may be anybody's, below one folder and nowhere else.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, chmodat, fchmod, futimens, linkat, openat, symlinkat,
};
use rustix::io::Errno;
use tar::{Archive, Entry, EntryType};

use super::beneath::{FOLDER, clear, enter, names, shown};
use super::bounded::{Bounded, MAX_HEADER_BYTES};
use super::rootfs::GZIP_MAGIC;

const MAX_BYTES: u64 = 16 * 1024 * 1024 * 1024;
const MAX_ENTRIES: u64 = 1_000_000;
const BUFFER_BYTES: usize = 128 * 1024;

/// What sandboxes have of their own: not even looked at.
const COVERED: [&str; 3] = ["dev", "proc", "sys"];
/// Places for what the driver mounts over a root file system: folders and files that must be there.
const PLACES: [(&str, &str); 4] = [("etc", "hosts"), ("etc", "hostname"), ("etc", "resolv.conf"), ("var", "tmp")];

/// Everyone may read all, as sandboxes' users are not the files' owner; nothing is set-user-ID.
const PROGRAM: Mode = Mode::from_raw_mode(0o755);
const PLAIN: Mode = Mode::from_raw_mode(0o644);

/// Why a tar was not unpacked.
#[derive(Debug)]
pub(super) enum UnpackError {
    /// It is broken, or wants what it may not.
    Tar(String),
    /// The disk refuses.
    Disk(io::Error),
}

impl From<io::Error> for UnpackError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<Errno> for UnpackError {
    fn from(error: Errno) -> Self {
        match error {
            // Only a name out of the tar can be.
            Errno::NAMETOOLONG => Self::Tar("one of its names is longer than this file system takes".to_owned()),
            error => Self::Disk(error.into()),
        }
    }
}

/// Unpacks a tar, gzipped or not, into an empty folder; ends in between if it is `abandoned`. Devices, owners and
/// extended attributes are left out.
pub(super) fn unpack(tar: &Path, folder: &Path, abandoned: impl Fn() -> bool) -> Result<(), UnpackError> {
    let root = openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    chmodat(CWD, folder, FOLDER, AtFlags::empty())?;
    let mut target = Target { root, bytes_left: MAX_BYTES, buffer: vec![0; BUFFER_BYTES], abandoned };
    let allowance = Rc::new(Cell::new(MAX_HEADER_BYTES));
    let mut archive = Archive::new(Bounded::new(open(tar)?, allowance.clone()));
    let mut entries = archive.entries().map_err(|error| broken(&error))?;
    for _ in 0..MAX_ENTRIES {
        allowance.set(MAX_HEADER_BYTES);
        let Some(entry) = entries.next() else { return target.make_places() };
        // What it holds is counted where it is read.
        allowance.set(u64::MAX);
        let mut entry = entry.map_err(|error| broken(&error))?;
        target.add(&mut entry)?;
        target.read(&mut entry, |_| Ok(()))?;
    }
    Err(UnpackError::Tar(format!("it has more than {MAX_ENTRIES} entries")))
}

fn open(tar: &Path) -> Result<Box<dyn Read>, UnpackError> {
    let failed = |error: io::Error| UnpackError::Tar(error.to_string());
    let mut file = File::open(tar).map_err(failed)?;
    let mut start = [0; GZIP_MAGIC.len()];
    let gzipped = file.read_exact(&mut start).is_ok() && start == *GZIP_MAGIC;
    file.rewind().map_err(failed)?;
    let file = BufReader::with_capacity(BUFFER_BYTES, file);
    Ok(if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

fn broken(error: &io::Error) -> UnpackError {
    UnpackError::Tar(format!("the tar is broken: {error}"))
}

/// The folder that all goes into. No link is followed on the way to anything in it.
struct Target<A> {
    root: OwnedFd,
    bytes_left: u64,
    buffer: Vec<u8>,
    abandoned: A,
}

impl<A: Fn() -> bool> Target<A> {
    fn add(&mut self, entry: &mut Entry<'_, impl Read>) -> Result<(), UnpackError> {
        let path = entry.path_bytes().into_owned();
        let names = names(&path)?;
        let Some((name, parents)) = names.split_last() else { return Ok(()) };
        if names.first().is_some_and(|top| COVERED.iter().any(|covered| *top == *covered)) {
            return Ok(());
        }
        let parent = self.folder(parents, &path)?;
        match entry.header().entry_type() {
            EntryType::Directory => drop(enter(&parent, name, &path)?),
            EntryType::Symlink => {
                let target = link_target(entry, &path)?;
                clear(&parent, name, &path)?;
                symlinkat(OsStr::from_bytes(&target), &parent, *name)?;
            }
            EntryType::Link => {
                let target = link_target(entry, &path)?;
                self.link(&target, &parent, name, &path)?;
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                clear(&parent, name, &path)?;
                self.write(entry, &parent, name)?;
            }
            // Devices, pipes, and what describes other entries.
            _ => {}
        }
        Ok(())
    }

    /// A folder below the top, made where it is missing.
    fn folder(&self, names: &[&OsStr], path: &[u8]) -> Result<OwnedFd, UnpackError> {
        let mut folder = self.root.try_clone()?;
        for name in names {
            folder = enter(&folder, name, path)?;
        }
        Ok(folder)
    }

    fn link(&self, target: &[u8], parent: &OwnedFd, name: &OsStr, path: &[u8]) -> Result<(), UnpackError> {
        let names = names(target)?;
        let missing = || UnpackError::Tar(format!("its entry {} is a link to a file that is not in it", shown(path)));
        let (file, parents) = names.split_last().ok_or_else(missing)?;
        let from = self.folder(parents, path)?;
        clear(parent, name, path)?;
        match linkat(&from, *file, parent, name, AtFlags::empty()) {
            Err(Errno::NOENT | Errno::PERM | Errno::ISDIR) => Err(missing()),
            linked => Ok(linked?),
        }
    }

    fn write(&mut self, entry: &mut Entry<'_, impl Read>, parent: &OwnedFd, name: &OsStr) -> Result<(), UnpackError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(parent, name, flags, PLAIN)?);
        self.read(entry, |bytes| file.write_all(bytes))?;
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        fchmod(&file, if executable { PROGRAM } else { PLAIN })?;
        // Python, for one, takes compiled files for stale whose source has another time.
        let seconds = entry.header().mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or_default();
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        futimens(&file, &Timestamps { last_access: time, last_modification: time })?;
        Ok(())
    }

    /// Reads what is left of an entry.
    fn read(
        &mut self,
        entry: &mut Entry<'_, impl Read>,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), UnpackError> {
        loop {
            if (self.abandoned)() {
                return Err(io::Error::from(io::ErrorKind::Interrupted).into());
            }
            let count = entry.read(&mut self.buffer).map_err(|error| broken(&error))?;
            if count == 0 {
                return Ok(());
            }
            let left = self.bytes_left.checked_sub(count as u64);
            let too_much = || UnpackError::Tar(format!("it holds more than {} GiB", MAX_BYTES / 1024 / 1024 / 1024));
            self.bytes_left = left.ok_or_else(too_much)?;
            take(self.buffer.get(..count).unwrap_or_default())?;
        }
    }

    fn make_places(&self) -> Result<(), UnpackError> {
        for (folder, name) in PLACES {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let Ok(parent) = openat(&self.root, folder, flags, Mode::empty()) else { continue };
            let name = OsStr::new(name);
            if folder == "var" {
                // A link there is as good: nothing is mounted on it.
                let _ = enter(&parent, name, b"var/tmp");
            } else {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                // What is there stays; the driver looks whether it is a file.
                let _ = openat(&parent, name, flags, PLAIN);
            }
        }
        Ok(())
    }
}

fn link_target(entry: &Entry<'_, impl Read>, path: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let target = entry.link_name_bytes().map(|target| target.into_owned()).filter(|target| !target.is_empty());
    target.ok_or_else(|| UnpackError::Tar(format!("its entry {} is a link to nothing", shown(path))))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use tar::{Builder, Header};
    use tempfile::TempDir;

    use super::*;

    struct Made {
        folder: TempDir,
        tar: Builder<Vec<u8>>,
    }

    impl Made {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), tar: Builder::new(Vec::new()) }
        }

        /// Any name and target at all: the library's own setters refuse bad ones.
        fn add(mut self, kind: EntryType, name: &str, target: &str, text: &str) -> Self {
            let mut header = Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(0o4700);
            header.set_mtime(1_000_000);
            header.set_size(text.len() as u64);
            let old = header.as_old_mut();
            old.name[..name.len()].copy_from_slice(name.as_bytes());
            old.linkname[..target.len()].copy_from_slice(target.as_bytes());
            header.set_cksum();
            self.tar.append(&header, text.as_bytes()).unwrap();
            self
        }

        fn file(self, name: &str, text: &str) -> Self {
            self.add(EntryType::Regular, name, "", text)
        }

        fn unpacked(self) -> Result<TempDir, String> {
            let tar = self.folder.path().join("tar");
            fs::write(&tar, self.tar.into_inner().unwrap()).unwrap();
            fs::create_dir(self.folder.path().join("root")).unwrap();
            match unpack(&tar, &self.folder.path().join("root"), || false) {
                Ok(()) => Ok(self.folder),
                Err(UnpackError::Tar(why)) => {
                    assert!(!self.folder.path().join("escaped").exists());
                    Err(why)
                }
                Err(UnpackError::Disk(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn files_folders_and_links_are_unpacked_for_everyone_to_read() {
        let made = Made::new()
            .add(EntryType::Directory, "./", "", "")
            .add(EntryType::Directory, "./usr/", "", "")
            .file("./usr/bin/tool", "text")
            .add(EntryType::Symlink, "./bin", "usr/bin", "")
            .add(EntryType::Link, "./usr/bin/same", "./usr/bin/tool", "")
            .add(EntryType::Char, "./usr/null", "", "")
            .file("/dev/null", "text")
            .add(EntryType::Directory, "var", "", "")
            .file("etc/hosts", "old")
            .file("etc/hosts", "new");
        let folder = made.unpacked().unwrap();
        let root = folder.path().join("root");
        let tool = fs::metadata(root.join("bin/tool")).unwrap();
        assert_eq!((tool.permissions().mode() & 0o7777, tool.mtime(), tool.nlink()), (0o755, 1_000_000, 2));
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o7777, 0o755);
        assert_eq!(fs::read_to_string(root.join("etc/hosts")).unwrap(), "new");
        assert!(root.join("var/tmp").is_dir() && root.join("etc/resolv.conf").is_file());
        assert!(!root.join("dev").exists() && !root.join("usr/null").exists());
    }

    #[test]
    fn nothing_leaves_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().to_str().unwrap();
        let why = |made: Made| made.unpacked().unwrap_err();
        assert_eq!(why(Made::new().file("../escaped", "x")), "its entry \"../escaped\" leads out of it");
        assert_eq!(why(Made::new().file("a/../../escaped", "x")), "its entry \"a/../../escaped\" leads out of it");
        let linked = || Made::new().add(EntryType::Symlink, "out", target, "");
        let below = "its entry \"out/escaped\" lies below a link or a file";
        assert_eq!(why(linked().file("out/escaped", "x")), below);
        assert_eq!(why(linked().add(EntryType::Directory, "out/escaped", "", "")), below);
        assert_eq!(why(linked().add(EntryType::Symlink, "out/escaped", "x", "")), below);
        assert_eq!(
            why(linked().add(EntryType::Directory, "out", "", "")),
            "its entry \"out\" lies below a link or a file"
        );
        let secret = outside.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let hard = |to: &str| why(Made::new().add(EntryType::Link, "hard", to, ""));
        assert_eq!(hard("../tar"), "its entry \"../tar\" leads out of it");
        assert_eq!(hard(secret.to_str().unwrap()), "its entry \"hard\" is a link to a file that is not in it");
        assert!(why(linked().add(EntryType::Link, "hard", "out/secret", "")).contains("lies below a link"));
        // A file in place of the link, and not through it.
        let folder = Made::new().add(EntryType::Symlink, "hosts", secret.to_str().unwrap(), "").file("hosts", "x");
        assert_eq!(fs::read_to_string(folder.unpacked().unwrap().path().join("root/hosts")).unwrap(), "x");
        assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        let absolute = Made::new().file("/escaped", "x").unpacked().unwrap();
        assert!(absolute.path().join("root/escaped").exists());
    }

    #[test]
    fn a_name_without_end_is_not_kept_in_memory() {
        let long = "x".repeat(2_000_000);
        let why = Made::new().add(EntryType::GNULongName, "././@LongLink", "", &long).file("short", "x").unpacked();
        assert_eq!(why.unwrap_err(), "the tar is broken: a header has more than 1048576 bytes");
        let name = "long".repeat(30);
        let folder = Made::new().add(EntryType::GNULongName, "././@LongLink", "", &name).file("short", "x").unpacked();
        assert!(folder.unwrap().path().join("root").join(name).is_file());
    }

    #[test]
    fn unpack_refuses_paths_and_names_that_no_program_could_open() {
        let long = |name: &str| Made::new().add(EntryType::GNULongName, "././@LongLink", "", name).file("short", "x");
        let why = long(&"a/".repeat(15_000)).unpacked().unwrap_err();
        assert!(why.starts_with("its entry \"a/a/a/") && why.ends_with("has a path of more than 4095 bytes"), "{why}");
        let why = long(&"x".repeat(300)).unpacked().unwrap_err();
        assert_eq!(why, "one of its names is longer than this file system takes");
        let target = "a/".repeat(15_000);
        let linked = Made::new().add(EntryType::GNULongLink, "././@LongLink", "", &target);
        let why = linked.add(EntryType::Link, "link", "a", "").unpacked().unwrap_err();
        assert!(why.ends_with("has a path of more than 4095 bytes"), "{why}");
    }

    #[test]
    fn a_tar_that_is_cut_off_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let made = Made::new().file("file", &"x".repeat(5000));
        let bytes = made.tar.into_inner().unwrap();
        fs::write(folder.path().join("tar"), &bytes[..3000]).unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        let error = unpack(&folder.path().join("tar"), &folder.path().join("root"), || false).unwrap_err();
        assert!(matches!(error, UnpackError::Tar(why) if why.starts_with("the tar is broken: ")));
    }
}
