use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, fchmod, openat, renameat, unlinkat};
use rustix::io::Errno;

/// Directories that are open at once below the top. What is deeper is moved to the top first.
const MAX_OPEN: usize = 64;
/// How often a directory is read while something else fills it again.
const MAX_PASSES: u32 = 10;
/// Moves to the top: ends a removal whose tree grows at its bottom as fast as it goes. Enough for 6 million levels.
const MAX_MOVES: u64 = 100_000;

/// What a directory needs so that its owner may empty it.
const WRITABLE: Mode = Mode::RWXU;

/// Removes a file, or a directory with everything in it. Follows no symlink below `path`'s parent.
///
/// The tree may be of any depth and change meanwhile: everything is named relative to an open directory. If it fails,
/// a part may be left, of which deep directories are found at its top.
///
/// # Errors
/// `NotFound` if there is nothing; `DirectoryNotEmpty` if something fills the tree again as fast as it is emptied; what
/// the system says otherwise.
pub fn remove(path: &Path) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let name = c_name(name)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = openat(CWD, parent, flags, Mode::empty())?;
    match unlinkat(&parent, &name, AtFlags::empty()) {
        Err(error @ (Errno::ISDIR | Errno::PERM)) => match Directory::open(parent.as_fd(), &name) {
            Err(Errno::NOTDIR | Errno::LOOP) => Err(error.into()),
            top => Ok(remove_directory(&parent, &name, top?)?),
        },
        removed => Ok(removed?),
    }
}

fn remove_directory(parent: &OwnedFd, name: &CStr, top: Directory) -> Result<(), Errno> {
    let mut top = Top { moved: Vec::new(), moves: 0, directory: top };
    for _ in 0..MAX_PASSES {
        top.empty()?;
        match unlinkat(parent, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => top.directory.entries.rewind(),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::NOTEMPTY)
}

/// The directory that is removed: what lies too deep below is moved to it.
struct Top {
    directory: Directory,
    /// What was moved, and is still to be emptied.
    moved: Vec<CString>,
    moves: u64,
}

impl Top {
    /// Removes everything that is in it.
    fn empty(&mut self) -> Result<(), Errno> {
        while let Some(entry) = self.directory.entries.next() {
            let name = entry?.file_name().to_owned();
            if !is_dot(&name) {
                self.remove_entry(&name)?;
            }
            while let Some(name) = self.moved.pop() {
                self.remove_entry(&name)?;
            }
        }
        Ok(())
    }

    /// Removes an entry of the top, down to the depth from which on directories are moved.
    fn remove_entry(&mut self, name: &CStr) -> Result<(), Errno> {
        if self.directory.unlink(name)? {
            return Ok(());
        }
        let Some(directory) = self.directory.open_in(name)? else { return Ok(()) };
        let mut levels = vec![Level { name: name.to_owned(), passes: 0, directory }];
        loop {
            let depth = levels.len();
            let Some(level) = levels.last_mut() else { return Ok(()) };
            let Some(entry) = level.directory.entries.next() else {
                self.leave(&mut levels)?;
                continue;
            };
            let entry = entry?;
            let name = entry.file_name();
            if is_dot(name) || (entry.file_type() != FileType::Directory && level.directory.unlink(name)?) {
                continue;
            }
            if depth == MAX_OPEN {
                self.move_here(&level.directory, name)?;
            } else if let Some(directory) = level.directory.open_in(name)? {
                levels.push(Level { name: name.to_owned(), passes: 0, directory });
            }
        }
    }

    /// Removes the deepest directory, which was read to its end; reads it again if something is in it.
    fn leave(&self, levels: &mut Vec<Level>) -> Result<(), Errno> {
        let Some(mut level) = levels.pop() else { return Ok(()) };
        let parent = levels.last().map_or(&self.directory, |parent| &parent.directory);
        match parent.permitted(|parent| unlinkat(parent, &level.name, AtFlags::REMOVEDIR)) {
            // Gone, or another took its name: what has that name now is met in the parent's next pass.
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) if level.passes < MAX_PASSES => {
                level.passes += 1;
                level.directory.entries.rewind();
                levels.push(level);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Moves a directory to the top.
    fn move_here(&mut self, from: &Directory, name: &CStr) -> Result<(), Errno> {
        loop {
            self.moves += 1;
            if self.moves > MAX_MOVES {
                return Err(Errno::NOTEMPTY);
            }
            let place = CString::new(format!(".removed-{}", self.moves)).map_err(|_| Errno::INVAL)?;
            match from.permitted(|from| self.directory.permitted(|top| renameat(from, name, top, &place))) {
                Ok(()) => {
                    self.moved.push(place);
                    return Ok(());
                }
                // An earlier attempt has left one of this name.
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                Err(Errno::NOENT) => return Ok(()),
                // It names its parent itself, so whoever moves it must be able to write to it.
                Err(Errno::ACCESS) if make_writable(from.entries.fd()?, name).is_ok() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

struct Level {
    /// Within the level above.
    name: CString,
    passes: u32,
    directory: Directory,
}

struct Directory {
    entries: Dir,
}

impl Directory {
    fn open(parent: BorrowedFd<'_>, name: &CStr) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || openat(parent, name, flags, Mode::empty());
        let opened = match open() {
            Err(Errno::ACCESS) if make_writable(parent, name).is_ok() => open(),
            opened => opened,
        };
        Ok(Self { entries: Dir::new(opened?)? })
    }

    /// Removes an entry that is no directory; whether it was none.
    fn unlink(&self, name: &CStr) -> Result<bool, Errno> {
        match self.permitted(|own| unlinkat(own, name, AtFlags::empty())) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            // `EPERM` is POSIX's word for a directory, and Linux's for a file that is immutable.
            Err(Errno::ISDIR | Errno::PERM) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a directory in it. `None` if it has gone, or another thing has taken its name: the next pass meets that.
    fn open_in(&self, name: &CStr) -> Result<Option<Self>, Errno> {
        match self.permitted(|own| Self::open(own, name)) {
            Ok(directory) => Ok(Some(directory)),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => match self.permitted(|own| unlinkat(own, name, AtFlags::empty())) {
                Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => Ok(None),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Does what needs its permissions, which its owner may have taken away.
    fn permitted<T>(&self, work: impl Fn(BorrowedFd<'_>) -> Result<T, Errno>) -> Result<T, Errno> {
        let own = self.entries.fd()?;
        match work(own) {
            Err(Errno::ACCESS) if fchmod(own, WRITABLE).is_ok() => work(own),
            done => done,
        }
    }
}

/// Makes a directory that can't be read writable for its owner. By a descriptor of itself: `chmod` follows symlinks.
fn make_writable(parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = openat(parent, name, flags, Mode::empty())?;
    chmodat(CWD, format!("/proc/self/fd/{}", directory.as_raw_fd()), WRITABLE, AtFlags::empty())
}

fn is_dot(name: &CStr) -> bool {
    name == c"." || name == c".."
}

fn c_name(name: &OsStr) -> io::Result<CString> {
    CString::new(name.as_bytes()).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use rustix::fs::mkdirat;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    /// Directories in one another, deeper than any path reaches, with a file at the bottom.
    fn nest(top: &Path, levels: usize) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut folder = openat(CWD, top, flags, Mode::empty()).unwrap();
        for _ in 0..levels {
            mkdirat(&folder, c"nested", Mode::RWXU).unwrap();
            folder = openat(&folder, c"nested", flags, Mode::empty()).unwrap();
        }
        openat(&folder, c"file", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
    }

    fn folder_with(build: impl FnOnce(&Path)) -> (tempfile::TempDir, std::path::PathBuf) {
        // In memory, if that can be: some disks take milliseconds for each directory.
        let parent = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let top = parent.path().join("top");
        fs::create_dir(&top).unwrap();
        build(&top);
        (parent, top)
    }

    #[test]
    fn remove_takes_a_small_stack_and_few_descriptors_when_the_tree_is_deep() {
        let (_parent, top) = folder_with(|top| {
            for branch in ["one", "two"] {
                fs::create_dir(top.join(branch)).unwrap();
                nest(&top.join(branch), 15_000);
            }
        });
        let open_now = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
        let usual = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(open_now + 200), ..usual }).unwrap();
        let removed = thread::Builder::new().stack_size(256 * 1024).spawn(move || (remove(&top), top)).unwrap().join();
        setrlimit(Resource::Nofile, usual).unwrap();
        let (removed, top) = removed.unwrap();
        removed.unwrap();
        assert!(!top.exists());
    }

    #[test]
    fn remove_follows_no_symlink_and_takes_every_kind_of_file() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "").unwrap();
        let (_parent, top) = folder_with(|top| {
            symlink(outside.path(), top.join("link")).unwrap();
            symlink("nowhere", top.join("dangling")).unwrap();
            rustix::fs::mknodat(CWD, top.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
            fs::create_dir(top.join(".removed-1")).unwrap();
            fs::write(top.join(".removed-1/file"), "").unwrap();
            nest(top, 200);
        });
        remove(&top).unwrap();
        assert!(!top.exists() && outside.path().join("kept").exists());
        symlink(outside.path(), &top).unwrap();
        remove(&top).unwrap();
        assert!(!top.is_symlink() && outside.path().join("kept").exists());
        assert_eq!(remove(&top).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(remove(Path::new("/")).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn remove_opens_what_its_owner_has_closed() {
        // Root needs no permission: as root, this shows only that nothing else is in the way.
        let (_parent, top) = folder_with(|top| {
            let mut path = top.to_owned();
            for _ in 0..80 {
                path.push("x");
                fs::create_dir(&path).unwrap();
                File::create(path.join("file")).unwrap();
            }
            for path in path.ancestors().take_while(|path| *path != top) {
                fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
            }
            fs::set_permissions(top, fs::Permissions::from_mode(0o500)).unwrap();
        });
        remove(&top).unwrap();
        assert!(!top.exists());
    }

    #[test]
    fn remove_ends_when_the_tree_grows_meanwhile() {
        let (_parent, top) = folder_with(|_| {});
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for name in ["a", "b"] {
                let (top, stop) = (&top, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let _ = fs::create_dir_all(top.join(name).join("c/d/e"));
                        let _ = fs::write(top.join(name).join("c/file"), "");
                        let _ = fs::rename(top.join(name).join("c"), top.join("moved"));
                    }
                });
            }
            let begun = Instant::now();
            for _ in 0..20 {
                // Either is an answer.
                if let Err(error) = remove(&top) {
                    let kind = error.kind();
                    assert!(matches!(kind, io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound), "{error}");
                }
            }
            stop.store(true, Ordering::Relaxed);
            assert!(begun.elapsed() < Duration::from_secs(60));
        });
        let _ = remove(&top);
        assert!(!top.exists());
    }
}
