//! How commands find the engine that `sandbar serve` runs on this machine, and its key.
//!
//! The engine writes both into a file of its data folder, for its own user only, and holds a lock on that file for as
//! long as it lives. A file that nobody has locked was left by an engine that was killed: whoever has its port by now must
//! not get the key.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sandbar_protocol::Secret;
use serde::{Deserialize, Serialize};

const FILE: &str = "engine.json";

/// Where the engine listens, and its key.
#[derive(Serialize, Deserialize)]
pub(crate) struct LocalEngine {
    pub(crate) url: String,
    #[serde(rename = "apiKey")]
    pub(crate) api_key: Secret,
}

/// The file of an engine that runs; it goes with it.
pub(crate) struct Announcement {
    path: PathBuf,
    _locked: File,
}

impl LocalEngine {
    /// The engine that runs on this user's default data folder.
    pub(crate) fn find() -> Option<Self> {
        Self::of_folder(&default_data_dir()?)
    }

    fn of_folder(folder: &Path) -> Option<Self> {
        let mut file = File::open(folder.join(FILE)).ok()?;
        let metadata = file.metadata().ok()?;
        let ours = metadata.uid() == nix::unistd::geteuid().as_raw() && metadata.mode() & 0o077 == 0;
        let alive = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        if !ours || !alive {
            return None;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Tells this user's commands of an engine, until the announcement is dropped.
    pub(crate) fn announce(folder: &Path, address: SocketAddr, api_key: &str) -> io::Result<Announcement> {
        let path = folder.join(FILE);
        let engine = Self { url: format!("http://{}", within_this_machine(address)), api_key: Secret::new(api_key) };
        // Locked before it has its name: nobody meets it unlocked.
        let mut file = tempfile::Builder::new().prefix(".engine-").tempfile_in(folder)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
        file.as_file().lock()?;
        file.write_all(serde_json::to_string(&engine)?.as_bytes())?;
        let locked = file.persist(&path).map_err(|error| error.error)?;
        Ok(Announcement { path, _locked: locked })
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // One that stays is not locked any more, and so is passed over.
        let _ = fs::remove_file(&self.path);
    }
}

/// The address by which programs of this machine reach a server that may listen on all addresses.
fn within_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The folder of `sandbar serve` unless said otherwise.
pub(crate) fn default_data_dir() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    base.map(|base| base.join("sandbar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> SocketAddr {
        "0.0.0.0:7410".parse().unwrap()
    }

    #[test]
    fn an_engine_is_found_for_as_long_as_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        assert!(LocalEngine::of_folder(folder.path()).is_none());
        let announcement = LocalEngine::announce(folder.path(), address(), "its-key").unwrap();
        let found = LocalEngine::of_folder(folder.path()).unwrap();
        assert_eq!((found.url.as_str(), found.api_key.expose()), ("http://127.0.0.1:7410", "its-key"));
        assert_eq!(fs::metadata(folder.path().join(FILE)).unwrap().mode() & 0o777, 0o600);
        drop(announcement);
        assert!(LocalEngine::of_folder(folder.path()).is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_file_of_a_killed_engine_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        drop(LocalEngine::announce(folder.path(), address(), "its-key").unwrap());
        let left = r#"{"url":"http://127.0.0.1:7410","apiKey":"its-key"}"#;
        fs::write(folder.path().join(FILE), left).unwrap();
        fs::set_permissions(folder.path().join(FILE), fs::Permissions::from_mode(0o600)).unwrap();
        assert!(LocalEngine::of_folder(folder.path()).is_none());
    }

    #[test]
    fn a_file_that_others_can_read_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let _announcement = LocalEngine::announce(folder.path(), address(), "its-key").unwrap();
        fs::set_permissions(folder.path().join(FILE), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(LocalEngine::of_folder(folder.path()).is_none());
    }
}
