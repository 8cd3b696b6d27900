use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, lchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix::unistd::geteuid;
use sandbar_protocol::Diagnostic;

use super::trash::Trash;
use super::{BubblewrapConfig, disk_error};
use crate::set_aside::set_aside;

/// The folder in a home in which commands start.
const WORKSPACE: &str = "workspace";

/// Where deleted files wait for their removal, in the data folder.
pub(crate) const TRASH: &str = "trash";

/// A sandbox's home on the host, and the user that it runs as there.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// What is `/root` inside.
    pub(super) path: PathBuf,
    /// The user and group ID on the host; `None` is the engine's own, which is not root.
    pub(super) uid: Option<u32>,
}

/// The sandboxes' files: `sandboxes/<id>/home` in the data folder, and `trash` beside it.
pub(super) struct Files {
    folder: PathBuf,
    trash: Trash,
    uids: Option<Arc<Mutex<Uids>>>,
}

/// Who has which user ID: a paused sandbox keeps its own, as its files belong to it.
struct Uids {
    first: u32,
    count: u32,
    next: u32,
    taken: HashMap<String, u32>,
}

impl Files {
    pub(super) fn open(config: &BubblewrapConfig) -> Result<Self, Diagnostic> {
        let folder = config.data_dir.join("sandboxes");
        let failed = |error| disk_error("can't use the folder", &folder, &error);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let trash = config.data_dir.join(TRASH);
        let trash = Trash::open(trash.clone()).map_err(|error| disk_error("can't use the folder", &trash, &error))?;
        let mut uids = Uids { first: config.first_uid, count: config.uid_count, next: 0, taken: HashMap::new() };
        for entry in fs::read_dir(&folder).map_err(failed)?.flatten() {
            let home = fs::symlink_metadata(entry.path().join("home"));
            // A home of any other user, such as root's, is a copy: no sandbox may run as its owner.
            if let Some(home) = home.ok().filter(|home| uids.has(home.uid())) {
                uids.taken.insert(entry.file_name().to_string_lossy().into_owned(), home.uid());
            }
        }
        let uids = geteuid().is_root().then(|| Arc::new(Mutex::new(uids)));
        Ok(Self { folder, trash, uids })
    }

    /// Where each sandbox has a folder with its `home`.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The sandbox's home, made if there is none.
    pub(super) async fn prepare(&self, sandbox_id: &str) -> Result<Home, Diagnostic> {
        let uid = self.uids.as_ref().map(|uids| uids.lock().unwrap_or_else(PoisonError::into_inner).of(sandbox_id));
        let uid = uid.transpose()?;
        let path = self.folder.join(sandbox_id).join("home");
        // A few system calls on a local disk: quicker than handing them to another thread.
        make_home(&path, uid).map_err(|error| disk_error("can't make the home", &path, &error))?;
        let owner = fs::symlink_metadata(&path).map_err(|error| disk_error("can't read", &path, &error))?.uid();
        if uid.is_some_and(|uid| uid != owner) {
            return Err(not_owned(&path, owner));
        }
        mend(&path, uid).map_err(|error| disk_error("can't mend the home", &path, &error))?;
        Ok(Home { path, uid })
    }

    /// Removes the files of deleted sandboxes, and sets aside those of sandboxes that are not known: their records may have
    /// been lost. What can't be removed or moved stays where it is.
    pub(super) async fn clear(&self, is_deleted: impl Fn(&str) -> Option<bool>) -> Result<(), Diagnostic> {
        let failed = |error| disk_error("can't read the folder", &self.folder, &error);
        for entry in fs::read_dir(&self.folder).map_err(failed)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let cleared = match is_deleted(&name) {
                Some(false) => continue,
                Some(true) => self.remove(&name).await,
                // As an unclaimed warm runtime leaves it.
                None if is_unused(&entry.path().join("home")) => self.remove(&name).await,
                None => self.set_aside(&entry.path()),
            };
            if let Err(diagnostic) = cleared {
                tracing::error!(sandbox = name, "{}", diagnostic.message);
            }
        }
        Ok(())
    }

    fn set_aside(&self, folder: &Path) -> Result<(), Diagnostic> {
        let data_dir = self.folder.parent().unwrap_or(&self.folder);
        let place = set_aside(data_dir, folder).map_err(|error| disk_error("can't set aside", folder, &error))?;
        tracing::warn!("no record knows the files of {}: they are now {}", folder.display(), place.display());
        Ok(())
    }

    /// Removes all files of the sandbox: what they take of the disk is free a little later.
    pub(super) async fn remove(&self, sandbox_id: &str) -> Result<(), Diagnostic> {
        let folder = self.folder.join(sandbox_id);
        // One system call: quicker than handing it to another thread.
        self.trash.take(&folder).map_err(|error| disk_error("can't remove", &folder, &error))?;
        if let Some(uids) = &self.uids {
            uids.lock().unwrap_or_else(PoisonError::into_inner).taken.remove(sandbox_id);
        }
        Ok(())
    }
}

impl Uids {
    fn has(&self, uid: u32) -> bool {
        uid.checked_sub(self.first).is_some_and(|index| index < self.count)
    }

    fn of(&mut self, sandbox_id: &str) -> Result<u32, Diagnostic> {
        if let Some(uid) = self.taken.get(sandbox_id) {
            return Ok(*uid);
        }
        for _ in 0..self.count {
            let uid = self.first + self.next;
            self.next = (self.next + 1) % self.count;
            if !self.taken.values().any(|taken| *taken == uid) {
                self.taken.insert(sandbox_id.to_owned(), uid);
                return Ok(uid);
            }
        }
        Err(Diagnostic::new("user_ids_exhausted", format!("all {} user IDs for sandboxes are taken", self.count))
            .recommend("delete sandboxes that are not needed"))
    }
}

fn make_home(path: &Path, uid: Option<u32>) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    // Under another name until it is complete: a crash in between must not leave a home of the wrong owner.
    let unfinished = path.with_extension("new");
    match sandbar_tree::remove(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let workspace = unfinished.join(WORKSPACE);
    DirBuilder::new().recursive(true).mode(0o700).create(&workspace)?;
    for folder in [&unfinished, &workspace] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        if let Some(uid) = uid {
            chown(folder, Some(uid), Some(uid))?;
        }
    }
    fs::rename(unfinished, path)
}

/// Whether nothing was ever put into a home: there is at most the workspace, and nothing in it.
fn is_unused(home: &Path) -> bool {
    let is_empty = |folder: &Path| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    match fs::read_dir(home) {
        Ok(mut entries) => {
            entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == WORKSPACE && is_empty(&entry.path())))
        }
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// A sandbox that has locked itself out of its home, or removed its workspace, can start again. Nothing of it runs now.
fn mend(home: &Path, uid: Option<u32>) -> io::Result<()> {
    let mode = fs::symlink_metadata(home)?.permissions().mode();
    if mode & 0o700 != 0o700 {
        fs::set_permissions(home, fs::Permissions::from_mode(mode & 0o777 | 0o700))?;
    }
    let workspace = home.join(WORKSPACE);
    // Whatever else has its name stays: a link may lead anywhere out here.
    if fs::symlink_metadata(&workspace).is_ok() {
        return Ok(());
    }
    fs::create_dir(&workspace)?;
    uid.map_or(Ok(()), |uid| lchown(&workspace, Some(uid), Some(uid)))
}

fn not_owned(home: &Path, owner: u32) -> Diagnostic {
    let message = format!("{} belongs to user {owner}, and not to the sandbox's own", home.display());
    Diagnostic::new("home_not_owned", message)
        .recommend("copy data folders as root and with their owners, `cp -a`; or delete the sandbox")
}
