use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::accounts::Accounts;
use crate::problem::Problem;

const PERMISSION_BITS: u32 = 0o7777;

/// What a path stands for. Names that are no UTF-8 are shown with U+FFFD in place of what is none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: EntryKind,
    path: String,
    size: u64,
    mode: u32,
    permissions: String,
    owner: String,
    group: String,
    modified_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    symlink_target: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum EntryKind {
    #[serde(rename = "FILE_TYPE_FILE")]
    File,
    #[serde(rename = "FILE_TYPE_DIRECTORY")]
    Directory,
    #[serde(rename = "FILE_TYPE_SYMLINK")]
    Symlink,
    /// A pipe, a socket or a device.
    #[serde(rename = "FILE_TYPE_UNSPECIFIED")]
    Other,
}

/// The answer of routes about one path.
#[derive(Serialize)]
pub(super) struct EntryResponse {
    entry: Entry,
}

impl EntryResponse {
    /// What stands at a path now.
    pub(super) fn at(path: &Path) -> Result<Self, Problem> {
        let metadata = fs::symlink_metadata(path).map_err(|error| Problem::of_path(&error, "look at", path))?;
        Ok(Self { entry: Entry::new(path, &metadata, &Accounts::read()) })
    }
}

impl Entry {
    /// The entry of a path, with what the system says of itself and not of where it leads.
    pub(super) fn new(path: &Path, metadata: &Metadata, accounts: &Accounts) -> Self {
        let is_symlink = metadata.is_symlink();
        let target = is_symlink.then(|| fs::read_link(path).ok()).flatten();
        Self {
            // The root has no name of its own.
            name: path.file_name().map_or_else(|| "/".to_owned(), |name| name.to_string_lossy().into_owned()),
            kind: EntryKind::of(metadata),
            path: path.display().to_string(),
            size: metadata.len(),
            mode: metadata.mode() & PERMISSION_BITS,
            permissions: permissions(metadata.mode()),
            owner: accounts.user(metadata.uid()),
            group: accounts.group(metadata.gid()),
            modified_time: time(metadata.mtime(), metadata.mtime_nsec()),
            symlink_target: target.map(|target| target.display().to_string()),
        }
    }
}

impl EntryKind {
    fn of(metadata: &Metadata) -> Self {
        let kind = metadata.file_type();
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Directory
        } else if kind.is_symlink() {
            Self::Symlink
        } else {
            Self::Other
        }
    }
}

/// Of a fixed length, to microseconds: that is what all clients can read.
fn time(seconds: i64, nanoseconds: i64) -> String {
    let time = i32::try_from(nanoseconds).ok().and_then(|nanoseconds| Timestamp::new(seconds, nanoseconds).ok());
    // A time that no calendar has is as good as none.
    format!("{:.6}", time.unwrap_or_default())
}

/// As `ls -l` has it.
fn permissions(mode: u32) -> String {
    use nix::libc;
    let kind = match mode & libc::S_IFMT {
        libc::S_IFDIR => 'd',
        libc::S_IFLNK => 'l',
        libc::S_IFIFO => 'p',
        libc::S_IFSOCK => 's',
        libc::S_IFCHR => 'c',
        libc::S_IFBLK => 'b',
        _ => '-',
    };
    let mut text = String::from(kind);
    for (shift, special, lower, upper) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => lower,
            (false, true) => upper,
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_read_as_ls_shows_them() {
        for (mode, text) in [
            (0o100_644, "-rw-r--r--"),
            (0o040_755, "drwxr-xr-x"),
            (0o120_777, "lrwxrwxrwx"),
            (0o041_777, "drwxrwxrwt"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_644, "-rw-r-Sr--"),
            (0o010_600, "prw-------"),
            (0o020_620, "crw--w----"),
        ] {
            assert_eq!(permissions(mode), text, "{mode:o}");
        }
    }

    #[test]
    fn times_are_utc_to_microseconds_and_a_broken_one_is_the_beginning() {
        assert_eq!(time(1_700_000_000, 500_000_000), "2023-11-14T22:13:20.500000Z");
        assert_eq!(time(i64::MAX, 0), "1970-01-01T00:00:00.000000Z");
    }
}
