use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

const TAR_BLOCK: usize = 512;
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");
pub(super) const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// Ways to pack that are not undone here, with the program that does.
const OTHER_MAGICS: [(&[u8], &str); 3] =
    [(&[0x28, 0xb5, 0x2f, 0xfd], "zstd -d"), (&[0xfd, b'7', b'z', b'X', b'Z'], "xz -d"), (b"BZh", "bzip2 -d")];

/// What is `/` inside of a template's sandboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rootfs {
    /// The host's `/usr`, and little else.
    Host,
    /// A folder of the host.
    Folder(Folder),
    /// A tar, which is unpacked once.
    Tar(Tar),
}

/// A folder, told from another one at the same path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// A tar in the version that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tar {
    path: PathBuf,
    version: String,
}

impl Rootfs {
    /// What a definition means by `text`; a relative path starts in `folder`.
    pub(super) fn find(text: Option<&str>, folder: &Path) -> Result<Self, String> {
        let Some(text) = text.filter(|text| *text != "host") else { return Ok(Self::Host) };
        let path = folder.join(text);
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let path = path.canonicalize().map_err(failed)?;
        let found = fs::metadata(&path).map_err(failed)?;
        if found.is_dir() {
            if folder.canonicalize().is_ok_and(|folder| folder.starts_with(&path)) {
                return Err(format!("{} holds the engine's own files: sandboxes would see them", path.display()));
            }
            check(&path)?;
            return Ok(Self::Folder(Folder { device: found.dev(), inode: found.ino(), path }));
        }
        if !found.is_file() {
            return Err(format!("{} is neither a folder nor a tar", path.display()));
        }
        check_tar(&path)?;
        let version = version(&path, &found);
        Ok(Self::Tar(Tar { path, version }))
    }

    /// As the API tells it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Folder(_) => "folder",
            Self::Tar(_) => "tar",
        }
    }
}

impl Folder {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Tar {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A name for a folder, which another file or another time of change would not have.
    pub(super) fn version(&self) -> &str {
        &self.version
    }
}

/// A folder can be the root of a sandbox: there is a shell in it, and the sandbox's user may look into it.
pub(super) fn check(root: &Path) -> Result<(), String> {
    let mode = fs::metadata(root).map_err(|error| format!("{}: {error}", root.display()))?.permissions().mode();
    if geteuid().is_root() && mode & 0o005 != 0o005 {
        return Err(format!("only its owner may look into {0}: `chmod 755 {0}`", root.display()));
    }
    match has_shell(root) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{} has no program bin/sh: the system's folders must be at its top", root.display())),
        Err(error) => Err(format!("{}: {error}", root.display())),
    }
}

/// Links are followed as they would be inside.
fn has_shell(root: &Path) -> io::Result<bool> {
    let root = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match openat2(&root, "bin/sh", OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT) {
        Ok(shell) => {
            let found = fstat(&shell)?;
            // As root, each sandbox has a user of its own.
            let executable = if geteuid().is_root() { 0o001 } else { 0o111 };
            Ok(FileType::from_raw_mode(found.st_mode) == FileType::RegularFile && found.st_mode & executable != 0)
        }
        // A container's profile may not know the call; a start will tell.
        Err(Errno::NOSYS | Errno::PERM) => Ok(true),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn check_tar(path: &Path) -> Result<(), String> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(TAR_BLOCK as u64).read_to_end(&mut start));
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    let (at, magic) = TAR_MAGIC;
    if start.starts_with(GZIP_MAGIC) || start.get(at..).is_some_and(|rest| rest.starts_with(magic)) {
        return Ok(());
    }
    Err(match OTHER_MAGICS.iter().find(|(magic, _)| start.starts_with(magic)) {
        Some((_, program)) => {
            format!("{} is packed in a way that is not read here: unpack it, `{program}`, or use gzip", path.display())
        }
        None => format!("{} is neither a folder, nor a tar, nor a gzipped tar", path.display()),
    })
}

fn version(path: &Path, found: &fs::Metadata) -> String {
    let mut hash = Sha256::new();
    hash.update(path.as_os_str().as_encoded_bytes());
    for number in [found.dev(), found.ino(), found.size()] {
        hash.update(number.to_le_bytes());
    }
    for number in [found.mtime(), found.mtime_nsec()] {
        hash.update(number.to_le_bytes());
    }
    let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect();
    format!("{name}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str, folder: &Path) -> String {
        Rootfs::find(Some(text), folder).unwrap_err()
    }

    #[test]
    fn what_is_no_root_file_system_is_told() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("templates");
        fs::create_dir_all(folder.join("empty")).unwrap();
        fs::write(folder.join("text"), "text").unwrap();
        fs::write(folder.join("packed"), [0x28, 0xb5, 0x2f, 0xfd, 0]).unwrap();
        assert!(why("none", &folder).ends_with("none: No such file or directory (os error 2)"));
        assert!(why("empty", &folder).contains("has no program bin/sh"));
        assert!(why("text", &folder).ends_with("is neither a folder, nor a tar, nor a gzipped tar"));
        assert!(why("packed", &folder).contains("unpack it, `zstd -d`"));
        assert!(why("/dev/null", &folder).contains("neither a folder nor a tar"));
        assert!(why("/", &folder).contains("holds the engine's own files"));
        assert!(why("..", &folder).contains("holds the engine's own files"));
        assert_eq!(Rootfs::find(Some("host"), &folder), Ok(Rootfs::Host));
    }

    #[test]
    fn a_shell_is_looked_for_as_the_sandbox_would() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("/usr/bin", root.join("bin")).unwrap();
        assert!(why("root", folder.path()).contains("has no program bin/sh"), "the host's /usr/bin/sh is another one");
        fs::copy("/bin/sh", root.join("usr/bin/sh")).unwrap();
        let before = Rootfs::find(Some("root"), folder.path()).unwrap();
        assert_eq!(Rootfs::find(Some("root"), folder.path()), Ok(before.clone()));
        fs::rename(&root, folder.path().join("old")).unwrap();
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy("/bin/sh", root.join("bin/sh")).unwrap();
        assert_ne!(Rootfs::find(Some("root"), folder.path()), Ok(before), "another folder at the same place");
    }
}
