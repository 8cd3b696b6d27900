use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, open, openat, statat};
use rustix::io::Errno;

use super::hidden;

/// What even an empty file takes: its entry and its place in the file system's tables.
const LEAST_PER_FILE: u64 = 4096;
const BLOCK: u64 = 512;
/// How deep folders may be nested: each level holds a descriptor open.
const MAX_DEPTH: usize = 256;
/// How many names a home may have: hard links take next to nothing of the disk, and as long to look at as files.
const MAX_ENTRIES: usize = 1_000_000;
/// How long measuring may take, of files and then of processes.
const MAX_TIME: Duration = Duration::from_secs(10);

/// How much a home takes of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HomeSize {
    /// In bytes; what goes beyond the limit is not counted further.
    Bytes(u64),
    /// So many bytes, and perhaps more: why.
    AtLeast(u64, &'static str),
    /// No way to measure it: why.
    Unmeasurable(&'static str),
}

/// Measures a home, with the files that were deleted in it and that a process below `init_pid` still holds open.
///
/// Whatever is in there may change meanwhile, and on purpose: no link is followed, and the way back is never by name.
pub(super) fn measure(home: &Path, init_pid: i32, limit: u64) -> io::Result<HomeSize> {
    measure_within(home, init_pid, limit, MAX_ENTRIES, MAX_TIME)
}

fn measure_within(
    home: &Path,
    init_pid: i32,
    limit: u64,
    max_entries: usize,
    max_time: Duration,
) -> io::Result<HomeSize> {
    let deadline = Instant::now() + max_time;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut sum = Sum::default();
    let mut open_folders = vec![Dir::new(open(home, flags, Mode::empty())?)?];
    while let Some(folder) = open_folders.last_mut() {
        if sum.bytes > limit {
            return Ok(HomeSize::Bytes(sum.bytes));
        }
        if sum.entries > max_entries {
            return Ok(HomeSize::Unmeasurable("it has more than 1,000,000 files, folders and links"));
        }
        if Instant::now() >= deadline {
            sum.obscure = Some("it takes too long to look through its files");
            break;
        }
        let entry = match folder.next() {
            Some(Ok(entry)) => entry,
            Some(Err(_)) => {
                sum.obscure = Some(UNREADABLE);
                continue;
            }
            None => {
                open_folders.pop();
                continue;
            }
        };
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        // It may be gone again.
        let Ok(stat) = statat(folder.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        sum.add(&stat);
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            continue;
        }
        match openat(folder.fd()?, name, flags, Mode::empty()) {
            Ok(_) if open_folders.len() == MAX_DEPTH => {
                return Ok(HomeSize::Unmeasurable("its folders are nested too deeply"));
            }
            Ok(inner) => open_folders.push(Dir::new(inner)?),
            // Gone again, or something else by now.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(_) => sum.obscure = Some(UNREADABLE),
        }
    }
    let hidden = hidden::find(init_pid, fs::metadata(home)?.dev(), Instant::now() + max_time);
    let bytes = sum.bytes.saturating_add(hidden.bytes);
    Ok(match sum.obscure.or(hidden.obscure) {
        Some(why) => HomeSize::AtLeast(bytes, why),
        None => HomeSize::Bytes(bytes),
    })
}

/// Closed to their own owner: an ordinary user's engine can't look into them either.
const UNREADABLE: &str = "some of its folders can't be read";

#[derive(Default)]
struct Sum {
    bytes: u64,
    entries: usize,
    /// Files with several names, which count once.
    links: HashSet<u64>,
    obscure: Option<&'static str>,
}

impl Sum {
    fn add(&mut self, stat: &Stat) {
        self.entries += 1;
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if is_folder || stat.st_nlink == 1 || self.links.insert(stat.st_ino) {
            let blocks = u64::try_from(stat.st_blocks).unwrap_or_default();
            self.bytes = self.bytes.saturating_add((blocks * BLOCK).max(LEAST_PER_FILE));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::{Child, Command, Stdio};

    use super::*;

    const LIMIT: u64 = 64 << 20;

    fn bytes(home: &Path) -> u64 {
        // No process has this ID.
        match measure(home, i32::MAX, LIMIT).unwrap() {
            HomeSize::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
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
        let deep = measure(home.path(), i32::MAX, LIMIT).unwrap();
        assert!(matches!(deep, HomeSize::Unmeasurable(why) if why.contains("too deeply")), "{deep:?}");
    }

    /// A process that a test ends.
    struct Holder(Child);

    impl Drop for Holder {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Runs a script in the home until it says that it is ready; `None` where there is no perl.
    fn hold(home: &Path, script: &str) -> Option<Holder> {
        let script = format!("$| = 1; {script} print \"ready\\n\"; sleep 1000");
        let mut command = Command::new("perl");
        let mut child = command.args(["-e", &script]).current_dir(home).stdout(Stdio::piped()).spawn().ok()?;
        let mut said = [0; 6];
        child.stdout.take().unwrap().read_exact(&mut said).unwrap();
        Some(Holder(child))
    }

    const WRITE: &str = "open my $f, '+>', 'x' or die; binmode $f; print $f 'x' x (1 << 20); $f->flush; unlink 'x';";

    fn held(script: &str) -> Option<HomeSize> {
        let home = tempfile::tempdir().unwrap();
        let holder = hold(home.path(), &format!("use IO::Handle; {script}"))?;
        Some(measure(home.path(), holder.0.id().cast_signed(), LIMIT).unwrap())
    }

    #[test]
    fn measure_counts_deleted_files_that_are_open() {
        let Some(size) = held(WRITE) else { return };
        assert!(matches!(size, HomeSize::Bytes(bytes) if bytes >= 1 << 20), "{size:?}");
    }

    #[test]
    fn measure_says_that_descriptors_wait_in_a_socket() {
        // `sendmsg` with one descriptor as `SCM_RIGHTS`, on x86-64 and arm64.
        let send = "use Socket; socketpair(my $one, my $two, AF_UNIX, SOCK_STREAM, 0) or die; \
                    my $data = 'x'; my $iov = pack('P Q', $data, 1); \
                    my $rights = pack('Q i i i x4', 20, 1, 1, fileno $f); \
                    my $message = pack('Q Q P Q P Q Q', 0, 0, $iov, 1, $rights, 24, 0); \
                    my $number = (`uname -m` =~ /x86_64/) ? 46 : 211; \
                    syscall($number, fileno $one, $message, 0) == 1 or die $!; close $f;";
        let Some(size) = held(&format!("{WRITE} {send}")) else { return };
        assert!(matches!(size, HomeSize::AtLeast(_, why) if why.contains("wait in its sockets")), "{size:?}");
    }

    #[test]
    fn measure_counts_or_names_deleted_files_that_are_only_mapped() {
        // `mmap`, shared and readable, on x86-64 and arm64.
        let map = "my $number = (`uname -m` =~ /x86_64/) ? 9 : 222; \
                   syscall($number, 0, 1 << 20, 1, 1, fileno $f, 0) > 0 or die $!; close $f;";
        let Some(size) = held(&format!("{WRITE} {map}")) else { return };
        match size {
            HomeSize::Bytes(bytes) => assert!(bytes >= 1 << 20, "{bytes}"),
            HomeSize::AtLeast(_, why) => assert!(why.contains("mapped"), "{why}"),
            HomeSize::Unmeasurable(why) => panic!("{why}"),
        }
    }

    #[test]
    fn measure_ends_at_its_bounds_of_names_and_time() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("original"), "").unwrap();
        for name in 0..10 {
            fs::hard_link(home.path().join("original"), home.path().join(name.to_string())).unwrap();
        }
        let within = |entries, time| measure_within(home.path(), i32::MAX, LIMIT, entries, time).unwrap();
        assert_eq!(within(11, MAX_TIME), HomeSize::Bytes(LEAST_PER_FILE));
        assert!(matches!(within(10, MAX_TIME), HomeSize::Unmeasurable(why) if why.contains("more than 1,000,000")));
        assert!(matches!(within(11, Duration::ZERO), HomeSize::AtLeast(0, why) if why.contains("too long")));
    }

    #[test]
    fn measure_names_folders_that_can_not_be_read() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("closed")).unwrap();
        fs::set_permissions(home.path().join("closed"), fs::Permissions::from_mode(0o300)).unwrap();
        let size = measure(home.path(), i32::MAX, LIMIT).unwrap();
        let is_root = nix::unistd::geteuid().is_root();
        assert_eq!(matches!(size, HomeSize::AtLeast(_, UNREADABLE)), !is_root, "{size:?}");
    }
}
