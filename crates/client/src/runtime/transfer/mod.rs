//! Files and whole directories between this machine and a sandbox.

mod arguments;
mod download;
mod exclude;
mod load;
mod local_file;
mod local_folder;
mod local_source;
mod names;
mod progress;
mod remote_folder;
mod upload;
mod walk;

use serde::Serialize;

pub use arguments::{DownloadCall, UploadCall};
pub use progress::TransferProgress;

/// What a transfer came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TransferReport {
    /// How many files were transferred.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Something that a transfer left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Where it is, relative to the directory.
    pub path: String,
    /// Why it was left out.
    pub reason: SkipReason,
}

/// Why something was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SkipReason {
    /// It is a symlink: those can't be transferred, and following them could lead out of the directory.
    Symlink,
    /// It is a pipe, a socket or a device.
    Special,
    /// Its name can't be one on the other side.
    Name,
    /// It went away meanwhile.
    Gone,
}

/// Whether a path leads to a named pipe.
#[cfg(unix)]
async fn is_pipe(path: &std::path::Path) -> std::io::Result<bool> {
    use std::os::unix::fs::FileTypeExt;
    Ok(tokio::fs::metadata(path).await?.file_type().is_fifo())
}

impl Skipped {
    fn new(path: impl Into<String>, reason: SkipReason) -> Self {
        Self { path: path.into(), reason }
    }
}
