//! What goes into the requests of an upload.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::walk::LocalFile;
use super::{SkipReason, Skipped};
use crate::ClientError;
use crate::runtime::files::{BATCH_FILES, NewFile};

/// Larger files go alone, and are not read as a whole.
const SMALL: u64 = 256 * 1024;
/// What one request carries of small files, about: less than it could, as several are in memory at once.
const BATCH_BYTES: u64 = 2 * 1024 * 1024;

/// What one request takes of some files, and what is left of them.
pub(super) struct Load {
    /// Those that go together.
    pub(super) small: Vec<NewFile>,
    /// Those that go alone.
    pub(super) large: Vec<LocalFile>,
    /// Those that are not there any more.
    pub(super) gone: Vec<Skipped>,
    /// Those of the next request.
    pub(super) rest: Vec<LocalFile>,
}

impl Load {
    /// Reads what is small, whatever size the system tells.
    pub(super) fn read(files: Vec<LocalFile>, remote: &str) -> Result<Self, ClientError> {
        let (mut small, mut large, mut gone, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let mut files = files.into_iter();
        while bytes < BATCH_BYTES {
            let Some(file) = files.next() else { break };
            let data = if file.size > SMALL { Ok(None) } else { read_small(&file.path) };
            match data {
                Ok(Some(data)) => {
                    bytes += data.len() as u64;
                    small.push(NewFile { path: place_of(remote, &file.within), mode: file.mode, data });
                }
                Ok(None) => large.push(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    gone.push(Skipped::new(file.within, SkipReason::Gone));
                }
                Err(error) => return Err(ClientError::local(&file.path, "read", error)),
            }
        }
        Ok(Self { small, large, gone, rest: files.collect() })
    }
}

/// All of a file, unless it has more than a small one.
fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut data = Vec::new();
    File::open(path)?.take(SMALL + 1).read_to_end(&mut data)?;
    Ok(Some(data).filter(|data| data.len() as u64 <= SMALL))
}

/// The files in as few requests as may be: each large one has its own.
pub(super) fn loads(files: Vec<LocalFile>) -> Vec<Vec<LocalFile>> {
    let (mut loads, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for file in files {
        if file.size > SMALL {
            loads.push(vec![file]);
            continue;
        }
        if bytes + file.size > BATCH_BYTES || batch.len() == BATCH_FILES {
            loads.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += file.size;
        batch.push(file);
    }
    if !batch.is_empty() {
        loads.push(batch);
    }
    loads
}

/// The place of a file below the remote one.
pub(super) fn place_of(remote: &str, within: &str) -> String {
    if within.is_empty() && !remote.is_empty() { remote.to_owned() } else { format!("{remote}/{within}") }
}
