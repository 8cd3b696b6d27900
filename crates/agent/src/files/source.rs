use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use axum::body::{Body, Bytes};
use futures_util::stream::unfold;
use nix::libc::{ENXIO, O_NONBLOCK};

use super::STEP;
use crate::blocking::blocking;
use crate::problem::Problem;
use crate::server::MAX_BODY_BYTES;

/// A file to be sent.
pub(super) struct Source {
    content: Content,
    size: u64,
    modified: Option<SystemTime>,
}

enum Content {
    /// A small one, or one whose size the system does not tell, as in /proc.
    Whole(Bytes),
    /// The rest, of which parts are read as they are sent.
    Open(File),
}

/// Opens a file for reading, and refuses all that is none.
pub(crate) fn open(path: &Path) -> Result<(File, Metadata), Problem> {
    let failed = |error: io::Error| Problem::of_path(&error, "read", path);
    // Without the flag a pipe would hold the thread until somebody writes to it.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)
        .map_err(|error| if error.raw_os_error() == Some(ENXIO) { no_file(path) } else { failed(error) })?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    if !metadata.is_file() {
        return Err(no_file(path));
    }
    Ok((file, metadata))
}

fn no_file(path: &Path) -> Problem {
    Problem::invalid(format!("{} is a device, a pipe or a socket, where a file is needed", path.display()))
}

/// Opens a file that is to be sent.
pub(super) async fn open_source(path: PathBuf) -> Result<Source, Problem> {
    blocking(move || {
        let (mut file, metadata) = open(&path)?;
        let modified = metadata.modified().ok();
        if metadata.len() > STEP as u64 {
            return Ok(Source { content: Content::Open(file), size: metadata.len(), modified });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1);
        let read = (&mut file).take(MAX_BODY_BYTES as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| Problem::of_path(&error, "read", &path))?;
        if bytes.len() > MAX_BODY_BYTES {
            return Err(Problem::invalid(format!(
                "{} has more than {MAX_BODY_BYTES} bytes, and the system does not tell how many: copy it by a command first",
                path.display()
            )));
        }
        Ok(Source { size: bytes.len() as u64, content: Content::Whole(bytes.into()), modified })
    })
    .await
}

impl Source {
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    pub(super) const fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    pub(super) fn into_body(self) -> Body {
        let size = self.size;
        self.into_part(0, size)
    }

    /// `length` bytes from `start` on, both within the size.
    pub(super) fn into_part(self, start: u64, length: u64) -> Body {
        match self.content {
            Content::Whole(bytes) => {
                let index = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
                bytes.slice(index(start)..index(start + length)).into()
            }
            Content::Open(file) => {
                let steps = unfold(Some((file, start, length)), |state| async move {
                    let (file, place, left) = state.filter(|(_, _, left)| *left > 0)?;
                    match blocking(move || Ok(read_step(file, place, left))).await {
                        Ok(Ok((file, bytes))) => {
                            let count = bytes.len() as u64;
                            Some((Ok(bytes), Some((file, place + count, left - count))))
                        }
                        Ok(Err(error)) => Some((Err(error), None)),
                        Err(problem) => Some((Err(io::Error::other(problem.message().to_owned())), None)),
                    }
                });
                Body::from_stream(steps)
            }
        }
    }
}

/// The next bytes. There are some, as the length is promised: a file that has shrunk breaks the answer off.
fn read_step(mut file: File, place: u64, left: u64) -> io::Result<(File, Bytes)> {
    let mut bytes = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(STEP)];
    file.seek(SeekFrom::Start(place))?;
    let count = file.read(&mut bytes)?;
    if count == 0 {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, "the file became shorter while it was sent"));
    }
    bytes.truncate(count);
    Ok((file, bytes.into()))
}
