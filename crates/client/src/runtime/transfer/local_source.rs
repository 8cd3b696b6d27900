use std::io;
use std::path::Path;

use tokio::fs::File;
use tokio::io::AsyncRead;

/// A size is relied on beyond this only: that of a file in /proc or /sys is not what can be read. An upload holds back as
/// much before it states a length.
const SURELY_READ: u64 = 1024 * 1024;

/// What is read of this machine: a file, a pipe or a device.
pub(super) struct LocalSource {
    pub(super) reader: Box<dyn AsyncRead + Send + Unpin>,
    /// How much of it is sent, if that is known; else all until its end.
    pub(super) size: Option<u64>,
}

impl LocalSource {
    /// Opens it. A pipe waits for its writer when it is read, and can be given up there.
    pub(super) async fn open(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        if super::is_pipe(path).await? {
            let pipe = tokio::net::unix::pipe::OpenOptions::new().open_receiver(path)?;
            return Ok(Self { reader: Box::new(pipe), size: None });
        }
        let file = File::open(path).await?;
        let metadata = file.metadata().await?;
        let size = Some(metadata.len()).filter(|size| metadata.is_file() && *size > SURELY_READ);
        Ok(Self { reader: Box::new(file), size })
    }
}
