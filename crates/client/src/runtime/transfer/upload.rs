use std::path::Path;

use futures_util::stream::{StreamExt, TryStreamExt, iter};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::progress::Reporter;
use super::walk::{LocalFile, Tree, walk};
use super::{SkipReason, Skipped, TransferProgress, TransferReport, UploadCall};
use crate::runtime::files::{BATCH_FILES, NewFile, WriteCall};
use crate::{CallOptions, ClientError, Runtime};

/// Larger files go alone, and are not read as a whole.
const SMALL: u64 = 256 * 1024;
/// What one request carries of small files at most: less than it could, as several are in memory at once.
const BATCH_BYTES: u64 = 2 * 1024 * 1024;
const AT_ONCE: usize = 4;
const CHUNK: usize = 256 * 1024;

impl Runtime {
    /// Uploads a file, or a directory with all that is in it. Modes are kept; symlinks in it are left out.
    ///
    /// What was sent before a failure stays; each file is there as a whole, or as it was before.
    ///
    /// # Errors
    /// As every call; [`ClientError::LocalFile`] if a file of this machine can't be read.
    ///
    /// Routes: `POST {envdUrl}/files/batch`, `POST {envdUrl}/files?path=`, `POST {envdUrl}/filesystem.Filesystem/MakeDir`.
    pub async fn upload(
        &self,
        transfer: &UploadCall,
        tell: &(dyn Fn(TransferProgress) + Send + Sync),
        call: &CallOptions,
    ) -> Result<TransferReport, ClientError> {
        let UploadCall { local, remote, .. } = transfer;
        let reporter = Reporter::new(tell);
        let metadata = tokio::fs::metadata(local).await.map_err(|error| ClientError::local(local, "read", error))?;
        if metadata.is_dir() {
            let skipped = self.upload_tree(transfer, &reporter, call).await?;
            return Ok(report(&reporter, skipped));
        }
        let file = LocalFile::new(local.clone(), remote.clone(), &metadata);
        reporter.expects(1, file.size);
        self.upload_large(&file, remote.clone(), &reporter, call).await?;
        Ok(report(&reporter, Vec::new()))
    }

    async fn upload_tree(
        &self,
        transfer: &UploadCall,
        reporter: &Reporter<'_>,
        call: &CallOptions,
    ) -> Result<Vec<Skipped>, ClientError> {
        let (local, exclude) = (transfer.local.clone(), transfer.exclude.clone());
        let Tree { files, empty, mut skipped } = blocking(&transfer.local, move || walk(&local, &exclude)).await?;
        reporter.expects(files.len() as u64, files.iter().map(|file| file.size).sum());
        let remote = transfer.remote.trim_end_matches('/');
        let sends = loads(files).into_iter().map(|load| self.send_files(load, remote, reporter, call));
        let gone: Vec<Skipped> = iter(sends).buffer_unordered(AT_ONCE).try_concat().await?;
        skipped.extend(gone);
        let folders = empty.into_iter().map(|within| async move {
            let place = place_of(remote, &within);
            self.make_dir(&place, call).await.map(drop)
        });
        iter(folders).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        skipped.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(skipped)
    }

    /// Sends small files in one request, or a large one; gives back what went away meanwhile.
    async fn send_files(
        &self,
        files: Vec<LocalFile>,
        remote: &str,
        reporter: &Reporter<'_>,
        call: &CallOptions,
    ) -> Result<Vec<Skipped>, ClientError> {
        if let [file] = files.as_slice()
            && file.size > SMALL
        {
            return match self.upload_large(file, place_of(remote, &file.within), reporter, call).await {
                Ok(()) => Ok(Vec::new()),
                Err(_) if !file.path.exists() => Ok(vec![Skipped::new(&file.within, SkipReason::Gone)]),
                Err(error) => Err(error),
            };
        }
        let Some(first) = files.first() else { return Ok(Vec::new()) };
        let (at, remote) = (first.path.clone(), remote.to_owned());
        let (files, gone) = blocking(&at, move || read_small(files, &remote)).await?;
        if !files.is_empty() {
            for written in self.write_batch(files, call).await? {
                reporter.moved(&written.path, written.bytes_written);
                reporter.done(&written.path);
            }
        }
        Ok(gone)
    }

    async fn upload_large(
        &self,
        file: &LocalFile,
        remote: String,
        reporter: &Reporter<'_>,
        call: &CallOptions,
    ) -> Result<(), ClientError> {
        let unreadable = |error| ClientError::local(&file.path, "read", error);
        let mut source = File::open(&file.path).await.map_err(unreadable)?;
        let size = source.metadata().await.map_err(unreadable)?.len();
        let write = WriteCall { path: remote.clone(), mode: file.mode, size: Some(size) };
        let (writer, upload) = self.upload_file(write, call);
        let feed = async {
            let mut left = size;
            while left > 0 {
                let mut chunk = Vec::with_capacity(CHUNK);
                let read =
                    (&mut source).take(left.min(CHUNK as u64)).read_to_end(&mut chunk).await.map_err(unreadable)?;
                if read == 0 {
                    return Err(ClientError::local(&file.path, "read", "it became shorter while it was read"));
                }
                left -= read as u64;
                if !writer.write(chunk).await {
                    return Ok(());
                }
                reporter.moved(&remote, read as u64);
            }
            writer.finish().await;
            Ok(())
        };
        // Whoever fails first ends the other; the upload itself says why it took no more.
        let uploaded = async { upload.await.map(drop) };
        tokio::try_join!(uploaded, feed)?;
        reporter.done(&remote);
        Ok(())
    }
}

/// Reads files that are small; gives back those that went away meanwhile as well.
fn read_small(files: Vec<LocalFile>, remote: &str) -> Result<(Vec<NewFile>, Vec<Skipped>), ClientError> {
    let (mut read, mut gone) = (Vec::with_capacity(files.len()), Vec::new());
    for LocalFile { path, within, mode, .. } in files {
        match std::fs::read(&path) {
            Ok(data) => read.push(NewFile { path: place_of(remote, &within), mode, data }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                gone.push(Skipped::new(within, SkipReason::Gone));
            }
            Err(error) => return Err(ClientError::local(&path, "read", error)),
        }
    }
    Ok((read, gone))
}

/// The files in as few requests as may be: each large one has its own.
fn loads(files: Vec<LocalFile>) -> Vec<Vec<LocalFile>> {
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

fn place_of(remote: &str, within: &str) -> String {
    if within.is_empty() && !remote.is_empty() { remote.to_owned() } else { format!("{remote}/{within}") }
}

fn report(reporter: &Reporter<'_>, skipped: Vec<Skipped>) -> TransferReport {
    let TransferProgress { files, bytes, .. } = reporter.end();
    TransferReport { files, bytes, skipped }
}

/// Work with files, away from the threads that wait for the network.
pub(super) async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, ClientError> + Send + 'static,
) -> Result<T, ClientError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(ClientError::local(path, "read", error)),
    }
}
