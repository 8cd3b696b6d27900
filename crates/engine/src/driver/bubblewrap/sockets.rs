use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use sandbar_protocol::Diagnostic;
use tokio::net::UnixStream;

use super::disk_error;
use crate::set_aside::set_aside;

/// The agents' sockets, in a folder that no sandbox sees: bound out here, and passed in as open descriptors.
pub(crate) struct Sockets {
    folder: PathBuf,
    /// Socket addresses hold 107 bytes, data folders may have longer names: they are reached through this descriptor.
    descriptor: File,
}

impl Sockets {
    pub(super) fn open(data_dir: &Path) -> Result<Self, Diagnostic> {
        let folder = data_dir.join("run");
        let failed = |error| disk_error("can't use the folder", &folder, &error);
        // Whatever an earlier engine left is dead.
        match sandbar_tree::remove(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("can't remove {}, it is set aside: {error}", folder.display());
                set_aside(data_dir, &folder).map_err(failed)?;
            }
            _ => {}
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let descriptor = File::open(&folder).map_err(failed)?;
        Ok(Self { folder, descriptor })
    }

    /// The folder of another process's driver.
    pub(crate) fn attach(data_dir: &Path) -> Result<Self, Diagnostic> {
        let folder = data_dir.join("run");
        let descriptor = File::open(&folder).map_err(|error| disk_error("can't use the folder", &folder, &error))?;
        Ok(Self { folder, descriptor })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn address(&self, sandbox_id: &str) -> PathBuf {
        format!("/proc/self/fd/{}/{sandbox_id}.sock", self.descriptor.as_raw_fd()).into()
    }

    pub(super) fn bind(&self, sandbox_id: &str) -> io::Result<UnixListener> {
        self.remove(sandbox_id);
        let listener = UnixListener::bind(self.address(sandbox_id))?;
        fs::set_permissions(self.address(sandbox_id), fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    pub(crate) async fn connect(&self, sandbox_id: &str) -> io::Result<UnixStream> {
        UnixStream::connect(self.address(sandbox_id)).await
    }

    pub(super) fn remove(&self, sandbox_id: &str) {
        // It may never have been there.
        let _ = fs::remove_file(self.address(sandbox_id));
    }

    pub(super) fn close(&self) {
        if let Err(error) = sandbar_tree::remove(&self.folder) {
            tracing::warn!("can't remove {}: {error}", self.folder.display());
        }
    }
}
