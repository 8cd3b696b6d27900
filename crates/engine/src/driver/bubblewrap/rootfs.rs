use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sandbar_protocol::Diagnostic;

/// No system has more at its top; each is a mount in every sandbox.
const MAX_ENTRIES: usize = 64;
/// What sandboxes have of their own.
const COVERED: [&str; 7] = [".sandbar", "dev", "proc", "root", "run", "sys", "tmp"];
/// What of `/var` can be written to, as long as the sandbox runs.
const WRITABLE: [&str; 3] = ["cache", "log", "tmp"];
/// What of `/etc` would tell of the machine that the root file system was made on.
const REPLACED: [&str; 3] = ["hostname", "hosts", "resolv.conf"];

/// A root file system of a sandbox's own, held for as long as it runs: what is held is not removed.
pub(super) struct Rootfs {
    pub(super) path: PathBuf,
    entries: Vec<(OsString, Entry)>,
    writable: Vec<&'static str>,
    replaced: Vec<&'static str>,
    _held: File,
}

/// Something at the top of a root file system.
pub(super) enum Entry {
    /// A folder or a file.
    Mounted,
    /// A link, with its target.
    Link(PathBuf),
}

impl Rootfs {
    /// Looks at it, and holds it.
    pub(super) fn open(path: &Path) -> Result<Self, Diagnostic> {
        let failed = |error: io::Error| broken(path, &error.to_string());
        let held = File::open(path).map_err(failed)?;
        // Some file systems have no locks: nothing on them is removed then.
        if matches!(held.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return Err(broken(path, "it is being removed"));
        }
        let (found, now) = (held.metadata().map_err(failed)?, fs::metadata(path).map_err(failed)?);
        if (found.dev(), found.ino()) != (now.dev(), now.ino()) {
            return Err(broken(path, "it was replaced in this moment"));
        }
        let entries = entries(path).map_err(failed)?;
        if entries.len() > MAX_ENTRIES {
            return Err(broken(path, &format!("it has more than {MAX_ENTRIES} entries at its top")));
        }
        // Not through links: they would lead somewhere else here than inside.
        let is = |what: &str, fits: fn(&fs::Metadata) -> bool| {
            fs::symlink_metadata(path.join(what)).is_ok_and(|found| fits(&found))
        };
        let below = |folder: &'static str, names: &[&'static str], fits: fn(&fs::Metadata) -> bool| {
            let there = is(folder, fs::Metadata::is_dir);
            names.iter().copied().filter(|name| there && is(&format!("{folder}/{name}"), fits)).collect()
        };
        Ok(Self {
            path: path.to_owned(),
            writable: below("var", &WRITABLE, fs::Metadata::is_dir),
            replaced: below("etc", &REPLACED, fs::Metadata::is_file),
            entries,
            _held: held,
        })
    }

    /// What is at its top and shown inside, by name.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&OsStr, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_os_str(), entry))
    }

    /// Whether something of this name is at its top.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries().any(|(known, _)| known == name)
    }

    /// Folders of `/var` that can be covered by something to write to.
    pub(super) fn writable(&self) -> &[&'static str] {
        &self.writable
    }

    /// Files of `/etc` that are covered by our own.
    pub(super) fn replaced(&self) -> &[&'static str] {
        &self.replaced
    }
}

fn entries(path: &Path) -> io::Result<Vec<(OsString, Entry)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if COVERED.iter().any(|covered| name == *covered) || entries.len() > MAX_ENTRIES {
            continue;
        }
        if kind.is_symlink() {
            entries.push((name, Entry::Link(fs::read_link(entry.path())?)));
        } else if kind.is_dir() || kind.is_file() {
            entries.push((name, Entry::Mounted));
        }
    }
    Ok(entries)
}

fn broken(path: &Path, why: &str) -> Diagnostic {
    let message = format!("the root file system {} can't be used: {why}", path.display());
    Diagnostic::new("rootfs_broken", message)
        .recommend("check the root file system of the sandbox's template: docs/templates.md says what it must be")
}
