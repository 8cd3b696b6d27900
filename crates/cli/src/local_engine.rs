//! Lets the commands and programs of this user find a running engine: see [`LocalEngine`].

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sandbar_client::LocalEngine;
use sandbar_protocol::Secret;

/// The file of a running engine. It is removed on drop.
pub(crate) struct Announcement {
    path: PathBuf,
    _locked: File,
}

impl Announcement {
    /// Writes the file that names an engine, and locks it until the announcement is dropped.
    pub(crate) fn new(folder: &Path, address: SocketAddr, api_key: &str) -> io::Result<Self> {
        let path = folder.join(LocalEngine::FILE);
        let url = format!("http://{}", within_this_machine(address));
        let engine = LocalEngine { url, api_key: Secret::new(api_key) };
        // Locked before it has its name: nobody meets it unlocked.
        let mut file = tempfile::Builder::new().prefix(".engine-").tempfile_in(folder)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
        file.as_file().lock()?;
        file.write_all(serde_json::to_string(&engine)?.as_bytes())?;
        let locked = file.persist(&path).map_err(|error| error.error)?;
        Ok(Self { path, _locked: locked })
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // A file that stays is not locked any more, and so is ignored.
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn address() -> SocketAddr {
        "0.0.0.0:7410".parse().unwrap()
    }

    #[test]
    fn an_engine_is_found_for_as_long_as_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        assert!(LocalEngine::of_folder(folder.path()).is_none());
        let announcement = Announcement::new(folder.path(), address(), "its-key").unwrap();
        let found = LocalEngine::of_folder(folder.path()).unwrap();
        assert_eq!((found.url.as_str(), found.api_key.expose()), ("http://127.0.0.1:7410", "its-key"));
        assert_eq!(fs::metadata(folder.path().join(LocalEngine::FILE)).unwrap().mode() & 0o777, 0o600);
        drop(announcement);
        assert!(LocalEngine::of_folder(folder.path()).is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_file_of_a_killed_engine_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(LocalEngine::FILE);
        fs::write(&file, r#"{"url":"http://127.0.0.1:7410","apiKey":"its-key"}"#).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(LocalEngine::of_folder(folder.path()).is_none());
    }

    #[test]
    fn a_file_that_others_can_read_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let _announcement = Announcement::new(folder.path(), address(), "its-key").unwrap();
        let file = folder.path().join(LocalEngine::FILE);
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(LocalEngine::of_folder(folder.path()).is_none());
    }
}
