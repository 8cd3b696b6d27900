use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use sandbar_protocol::Diagnostic;

use super::files::Home;
use super::rootfs::Rootfs;
use super::{BubblewrapConfig, disk_error, skeleton};

/// Empty top-level folders, one of which the launcher's own mount namespace covers.
const COVERED: [&str; 4] = ["/mnt", "/media", "/srv", "/opt"];

/// Where `bwrap` finds what it binds.
///
/// As root, a sandbox's own user runs `bwrap`, and can't look into the data folder, which is private. So the launcher's
/// thread has a mount namespace to itself, with a small file system in which the home of a sandbox that is being
/// started is shown, and its root file system, if it has one; nobody else sees them. An ordinary user's `bwrap` sees the data folder itself.
pub(super) struct Stage {
    folder: PathBuf,
    shows: bool,
    agent: PathBuf,
    etc: PathBuf,
}

/// What one sandbox binds.
pub(super) struct Placed<'a> {
    pub(super) home: PathBuf,
    /// A root file system of its own, and where that is shown.
    pub(super) rootfs: Option<(&'a Rootfs, PathBuf)>,
    pub(super) agent: &'a Path,
    pub(super) etc: &'a Path,
}

impl Stage {
    /// Sets it up; as root, this changes the calling thread's mount namespace.
    pub(super) fn set_up(config: &BubblewrapConfig, run_folder: &Path) -> Result<Self, Diagnostic> {
        let private = geteuid().is_root();
        let folder = if private { cover(config)? } else { run_folder.to_owned() };
        let stage = Self { agent: folder.join("agent"), etc: folder.join("etc"), folder, shows: private };
        let failed = |error: io::Error| disk_error("can't prepare", &stage.folder, &error);
        skeleton::write(&stage.etc).map_err(failed)?;
        // A copy: it stays what it is when the original is built anew.
        copy_executable(&config.agent, &stage.agent).map_err(failed)?;
        Ok(stage)
    }

    /// Shows what a sandbox binds. On an error, too, it is to be cleared.
    pub(super) fn place<'a>(
        &'a self,
        sandbox_id: &str,
        home: &Home,
        rootfs: Option<&'a Rootfs>,
    ) -> io::Result<Placed<'a>> {
        let [home_place, rootfs_place] = self.places_of(sandbox_id);
        let home = self.show(&home.path, home_place, MsFlags::empty())?;
        let rootfs = match rootfs {
            Some(rootfs) => Some((rootfs, self.show(&rootfs.path, rootfs_place, MsFlags::MS_RDONLY)?)),
            None => None,
        };
        Ok(Placed { home, rootfs, agent: &self.agent, etc: &self.etc })
    }

    fn show(&self, folder: &Path, place: PathBuf, flags: MsFlags) -> io::Result<PathBuf> {
        if !self.shows {
            return Ok(folder.to_owned());
        }
        fs::create_dir(&place)?;
        mount(Some(folder), &place, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        if !flags.is_empty() {
            // Only a mount that exists can be made so.
            let flags = flags | MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_NODEV | MsFlags::MS_NOSUID;
            mount(None::<&str>, &place, None::<&str>, flags, None::<&str>)?;
        }
        Ok(place)
    }

    /// Hides it again: each later sandbox would carry the mounts through its own start.
    pub(super) fn clear(&self, sandbox_id: &str) {
        for place in self.places_of(sandbox_id).into_iter().filter(|place| self.shows && place.exists()) {
            // One that was made, and nothing mounted on it.
            let _ = umount2(&place, MntFlags::MNT_DETACH);
            if let Err(error) = fs::remove_dir(&place) {
                tracing::warn!(sandbox = sandbox_id, "can't clear {}: {error}", place.display());
            }
        }
    }

    fn places_of(&self, sandbox_id: &str) -> [PathBuf; 2] {
        [self.folder.join(sandbox_id), self.folder.join(format!("{sandbox_id}.rootfs"))]
    }
}

fn cover(config: &BubblewrapConfig) -> Result<PathBuf, Diagnostic> {
    let needed = |folder: &str| config.data_dir.starts_with(folder) || config.agent.starts_with(folder);
    let folder = COVERED.into_iter().find(|folder| Path::new(folder).is_dir() && !needed(folder));
    let failed = |why: String| {
        Diagnostic::new("mount_namespace_unavailable", format!("root can't make a mount namespace here: {why}"))
            .recommend("run the engine as an ordinary user, or give its container the capability SYS_ADMIN")
    };
    let folder = folder.ok_or_else(|| failed(format!("there is none of the folders {}", COVERED.join(", "))))?;
    let covered = || -> nix::Result<()> {
        unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)?;
        // Mounts of the host still come in, none go out.
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)?;
        let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID;
        mount(Some("sandbar"), folder, Some("tmpfs"), flags, Some("mode=0711,size=64m"))
    };
    covered().map_err(|error| failed(error.to_string()))?;
    Ok(folder.into())
}

fn copy_executable(from: &Path, to: &Path) -> io::Result<()> {
    let mut copy = File::create(to)?;
    copy.lock()?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    drop(copy);
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    // A file that is open for writing can't be run, and a process that another thread starts has ours open until it is
    // another program. The lock ends with the last of them.
    File::open(to)?.lock()
}
