use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::ClientError;
use crate::ids::new_id;

/// A file of this machine that is there as a whole, or as it was before: until then it has another name.
pub(super) struct NewLocalFile {
    file: File,
    temporary: Temporary,
    path: PathBuf,
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
    /// Begins a file beside its place, in a directory that is there. At once: given up while it waits for the system, it
    /// would leave a file that nobody removes.
    pub(super) fn begin(path: PathBuf) -> Result<Self, ClientError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let beside = folder.join(format!(".sandbar-{}.tmp", new_id().simple()));
        let file = fs::File::create_new(&beside).map_err(|error| ClientError::local(&path, "write", error))?;
        Ok(Self { file: File::from_std(file), temporary: Temporary(Some(beside)), path })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.file.write_all(bytes).await.map_err(|error| ClientError::local(&self.path, "write", error))
    }

    /// Puts it in its place; a symlink there is replaced, and not written through.
    pub(super) async fn finish(mut self, mode: Option<u32>) -> Result<(), ClientError> {
        let unwritable = |error: io::Error| ClientError::local(&self.path, "write", error);
        self.file.flush().await.map_err(unwritable)?;
        if let Some(mode) = mode {
            set_mode(&self.file, mode).await.map_err(unwritable)?;
        }
        if let Some(temporary) = &self.temporary.0 {
            tokio::fs::rename(temporary, &self.path).await.map_err(unwritable)?;
        }
        self.temporary.0 = None;
        Ok(())
    }
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

/// Makes the directories of a place below `root`. What is there already must be directories: a symlink could lead elsewhere.
pub(super) fn make_dirs(root: &Path, within: &Path) -> Result<(), ClientError> {
    let mut place = root.to_owned();
    for name in within.components() {
        place.push(name);
        match fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_dir() => continue,
            Ok(_) => {
                let problem = "something that is no directory is in the way: remove it, or download to another place";
                return Err(ClientError::local(&place, "make the directory", problem));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(ClientError::local(&place, "look at", error)),
        }
        match fs::create_dir(&place) {
            // Another file of the same directory was faster.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(ClientError::local(&place, "make the directory", error));
            }
            _ => {}
        }
    }
    Ok(())
}
