//! The engine that `sandbar serve` runs on this machine, as programs of the same user find it.
//!
//! The engine writes its address and key into a file of its data folder, for its own user only, and holds a lock on that
//! file for as long as it lives. A file without a lock was left by an engine that was killed: its port may belong to
//! another program by now, which must not get the key.

use std::path::{Path, PathBuf};

use sandbar_protocol::Secret;
use serde::{Deserialize, Serialize};

/// Where a local engine listens, and its key.
#[derive(Debug, Serialize, Deserialize)]
pub struct LocalEngine {
    /// Its base URL, as `http://127.0.0.1:7410`.
    pub url: String,
    /// The key that it wants.
    #[serde(rename = "apiKey")]
    pub api_key: Secret,
}

impl LocalEngine {
    /// The file in the engine's data folder.
    pub const FILE: &'static str = "engine.json";

    /// The engine that runs on this user's default data folder; `None` if there is none.
    pub fn find() -> Option<Self> {
        Self::of_folder(&Self::default_data_dir()?)
    }

    /// The engine that runs on this data folder; `None` if there is none, or if others can read or write its file.
    #[cfg(target_os = "linux")]
    pub fn of_folder(folder: &Path) -> Option<Self> {
        use std::fs::{self, File, TryLockError};
        use std::io::Read;
        use std::os::unix::fs::MetadataExt;

        let mut file = File::open(folder.join(Self::FILE)).ok()?;
        let metadata = file.metadata().ok()?;
        let user = fs::metadata("/proc/self").ok()?.uid();
        let is_private = metadata.uid() == user && metadata.mode() & 0o077 == 0;
        let is_alive = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        if !is_private || !is_alive {
            return None;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The engine runs on Linux only.
    #[cfg(not(target_os = "linux"))]
    pub fn of_folder(_folder: &Path) -> Option<Self> {
        None
    }

    /// The default data folder of `sandbar serve`: `sandbar` in `XDG_DATA_HOME`, else in `~/.local/share`.
    pub fn default_data_dir() -> Option<PathBuf> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
        base.map(|base| base.join("sandbar"))
    }
}
