use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::ClientError;
use crate::ids::new_id;

/// As many symlinks as systems follow.
const MAX_LINKS: usize = 40;
const IN_THE_WAY: &str =
    "something that is no regular file is in the way, and is not replaced: remove it, or download to another place";

/// A file of this machine that is written.
pub(super) struct NewLocalFile {
    /// As it was asked for.
    path: PathBuf,
    writing: Writing,
}

enum Writing {
    /// There as a whole, or as it was before: until then it has another name.
    Replacement { file: File, temporary: Temporary, target: PathBuf },
    /// A device, a pipe, or whatever else is written to as it is.
    Open(Box<dyn AsyncWrite + Send + Unpin>),
}

/// A file that goes when nobody keeps it.
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // Whoever removed it before us has done it.
            let _ = fs::remove_file(path);
        }
    }
}

impl NewLocalFile {
    /// Begins a file in a directory that is there, at a name that the sandbox gives: only a regular file is replaced.
    pub(super) fn begin(path: PathBuf) -> Result<Self, ClientError> {
        match fs::symlink_metadata(&path) {
            Ok(old) if !old.is_file() => Err(ClientError::local(&path, "write", IN_THE_WAY)),
            _ => Self::replace(path.clone(), path),
        }
    }

    /// Begins what the user has named: symlinks are followed, and what is no regular file is written into. A pipe is waited
    /// for until somebody reads it.
    pub(super) async fn begin_named(path: PathBuf) -> Result<Self, ClientError> {
        let unwritable = |error: io::Error| ClientError::local(&path, "write", error);
        match Place::of(&path).map_err(unwritable)? {
            Place::Regular(target) => Self::replace(path, target),
            Place::Special => {
                let writing = Writing::Open(open_special(&path).await.map_err(unwritable)?);
                Ok(Self { path, writing })
            }
        }
    }

    /// At once: given up while it waits for the system, it would leave a file that nobody removes.
    fn replace(path: PathBuf, target: PathBuf) -> Result<Self, ClientError> {
        let beside = folder_of(&target).join(format!(".sandbar-{}.tmp", new_id().simple()));
        let file = fs::File::create_new(&beside).map_err(|error| ClientError::local(&path, "write", error))?;
        let writing = Writing::Replacement { file: File::from_std(file), temporary: Temporary(Some(beside)), target };
        Ok(Self { path, writing })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let written = match &mut self.writing {
            Writing::Replacement { file, .. } => file.write_all(bytes).await,
            Writing::Open(sink) => sink.write_all(bytes).await,
        };
        written.map_err(|error| ClientError::local(&self.path, "write", error))
    }

    /// Puts it in its place. What is not replaced keeps its mode.
    pub(super) async fn finish(self, mode: Option<u32>) -> Result<(), ClientError> {
        let Self { path, writing } = self;
        let finished = match writing {
            Writing::Replacement { file, temporary, target } => take_place(file, temporary, &target, mode).await,
            Writing::Open(mut sink) => sink.flush().await,
        };
        finished.map_err(|error| ClientError::local(&path, "write", error))
    }
}

async fn take_place(mut file: File, mut temporary: Temporary, target: &Path, mode: Option<u32>) -> io::Result<()> {
    file.flush().await?;
    if let Some(mode) = mode {
        set_mode(&file, mode).await?;
    }
    if let Some(temporary) = &temporary.0 {
        tokio::fs::rename(temporary, target).await?;
    }
    temporary.0 = None;
    Ok(())
}

/// Where a path of the user's leads.
enum Place {
    /// To a regular file, or to nothing yet, behind all symlinks.
    Regular(PathBuf),
    /// To a device, a pipe, or what a process has open.
    Special,
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let mut place = path.to_owned();
        for _ in 0..MAX_LINKS {
            match fs::symlink_metadata(&place) {
                Ok(found) if found.is_symlink() => {
                    // Links to what a process has open, as /dev/stdout: their text is no path.
                    if fs::canonicalize(folder_of(&place))?.starts_with("/proc") {
                        return Ok(Self::Special);
                    }
                    place = folder_of(&place).join(fs::read_link(&place)?);
                }
                Ok(found) if found.is_file() => return Ok(Self::Regular(place)),
                Ok(_) => return Ok(Self::Special),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Regular(place)),
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("it is a symlink that leads back to itself"))
    }
}

async fn open_special(path: &Path) -> io::Result<Box<dyn AsyncWrite + Send + Unpin>> {
    #[cfg(unix)]
    if super::is_pipe(path).await? {
        return Ok(Box::new(pipe_with_reader(path).await?));
    }
    Ok(Box::new(File::options().write(true).truncate(true).open(path).await?))
}

/// Opens a pipe for writing once somebody reads it. The system's own wait would hold a thread that nobody can free.
#[cfg(unix)]
async fn pipe_with_reader(path: &Path) -> io::Result<tokio::net::unix::pipe::Sender> {
    use std::time::Duration;
    const ENXIO: i32 = 6;
    const RETRY_INTERVAL: Duration = Duration::from_millis(20);
    loop {
        match tokio::net::unix::pipe::OpenOptions::new().open_sender(path) {
            Err(error) if error.raw_os_error() == Some(ENXIO) => tokio::time::sleep(RETRY_INTERVAL).await,
            opened => return opened,
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
async fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode & 0o777)).await
}

#[cfg(not(unix))]
async fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}
