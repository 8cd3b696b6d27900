use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use sandbar_protocol::Diagnostic;

use super::files::Home;
use super::{BubblewrapConfig, disk_error, skeleton};

/// Empty top-level folders, one of which the launcher's own mount namespace covers.
const COVERED: [&str; 4] = ["/mnt", "/media", "/srv", "/opt"];

/// Where `bwrap` finds what it binds.
///
/// As root, a sandbox's own user runs `bwrap`, and can't look into the data folder, which is private. So the launcher's
/// thread has a mount namespace to itself, with a small file system in which the home of a sandbox that is being
/// started is shown; nobody else sees it. An ordinary user's `bwrap` sees the data folder itself.
pub(super) struct Stage {
    folder: PathBuf,
    shows_homes: bool,
    agent: PathBuf,
    etc: PathBuf,
}

/// What one sandbox binds.
pub(super) struct Placed<'a> {
    pub(super) home: PathBuf,
    pub(super) agent: &'a Path,
    pub(super) etc: &'a Path,
}

impl Stage {
    /// Sets it up; as root, this changes the calling thread's mount namespace.
    pub(super) fn set_up(config: &BubblewrapConfig, run_folder: &Path) -> Result<Self, Diagnostic> {
        let private = geteuid().is_root();
        let folder = if private { cover(config)? } else { run_folder.to_owned() };
        let stage = Self { agent: folder.join("agent"), etc: folder.join("etc"), folder, shows_homes: private };
        let failed = |error: io::Error| disk_error("can't prepare", &stage.folder, &error);
        skeleton::write(&stage.etc).map_err(failed)?;
        // A copy: it stays what it is when the original is built anew.
        copy_executable(&config.agent, &stage.agent).map_err(failed)?;
        Ok(stage)
    }

    /// Shows a sandbox's home.
    pub(super) fn place(&self, sandbox_id: &str, home: &Home) -> io::Result<Placed<'_>> {
        let mut path = home.path.clone();
        if self.shows_homes {
            path = self.place_of(sandbox_id);
            fs::create_dir(&path)?;
            mount(Some(&home.path), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        }
        Ok(Placed { home: path, agent: &self.agent, etc: &self.etc })
    }

    /// Hides it again: each later sandbox would carry the mount through its own start.
    pub(super) fn clear(&self, sandbox_id: &str) {
        if self.shows_homes {
            let path = self.place_of(sandbox_id);
            let cleared = umount2(&path, MntFlags::MNT_DETACH).map_err(io::Error::from);
            if let Err(error) = cleared.and_then(|()| fs::remove_dir(&path)) {
                tracing::warn!(sandbox = sandbox_id, "can't clear {}: {error}", path.display());
            }
        }
    }

    fn place_of(&self, sandbox_id: &str) -> PathBuf {
        self.folder.join(sandbox_id)
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
    io::copy(&mut File::open(from)?, &mut File::create(to)?)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
}
