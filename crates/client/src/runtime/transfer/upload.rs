use std::path::Path;

use futures_util::stream::{StreamExt, TryStreamExt, iter};
use tokio::io::AsyncReadExt;

use super::load::{Load, loads, place_of};
use super::local_source::LocalSource;
use super::progress::Reporter;
use super::walk::{LocalFile, Tree, walk};
use super::{SkipReason, Skipped, TransferProgress, TransferReport, UploadCall};
use crate::runtime::files::WriteCall;
use crate::{CallOptions, ClientError, Runtime};

const AT_ONCE: usize = 4;
const CHUNK: usize = 256 * 1024;

impl Runtime {
    /// Uploads a file, or a directory with all that is in it. Modes are kept, but for those of directories that are there;
    /// symlinks in it are left out. What is named may also be a pipe or a device: it is read to its end.
    ///
    /// What was sent before a failure stays; each file is there as a whole, or as it was before.
    ///
    /// # Errors
    /// As every call; [`ClientError::LocalFile`] if a file of this machine can't be read.
    ///
    /// Routes: `POST {envdUrl}/files/batch`, `POST {envdUrl}/files?path=`, `POST {envdUrl}/files/folders`.
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
        // Pipes, and files of the system's own, say that they are empty.
        reporter.expects(1, Some(file.size).filter(|size| metadata.is_file() && *size > 0));
        self.upload_alone(&file, remote.clone(), &reporter, call).await?;
        Ok(report(&reporter, Vec::new()))
    }

    async fn upload_tree(
        &self,
        transfer: &UploadCall,
        reporter: &Reporter<'_>,
        call: &CallOptions,
    ) -> Result<Vec<Skipped>, ClientError> {
        let (local, exclude) = (transfer.local.clone(), transfer.exclude.clone());
        let Tree { files, folders, mut skipped } = blocking(&transfer.local, move || walk(&local, &exclude)).await?;
        reporter.expects(files.len() as u64, Some(files.iter().map(|file| file.size).sum()));
        let remote = transfer.remote.trim_end_matches('/');
        let made = self.make_folders(folders, remote, call).await?;
        let sends = loads(files).into_iter().map(|load| self.send_files(load, remote, reporter, call));
        let gone: Vec<Skipped> = iter(sends).buffer_unordered(AT_ONCE).try_concat().await?;
        self.close_folders(made, call).await?;
        skipped.extend(gone);
        skipped.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(skipped)
    }

    /// Sends small files together, and large ones alone; gives back what went away meanwhile.
    async fn send_files(
        &self,
        mut files: Vec<LocalFile>,
        remote: &str,
        reporter: &Reporter<'_>,
        call: &CallOptions,
    ) -> Result<Vec<Skipped>, ClientError> {
        let mut all_gone = Vec::new();
        while let Some(first) = files.first() {
            let (at, place) = (first.path.clone(), remote.to_owned());
            let Load { small, large, gone, rest } = blocking(&at, move || Load::read(files, &place)).await?;
            all_gone.extend(gone);
            if !small.is_empty() {
                for written in self.write_batch(small, call).await? {
                    reporter.moved(&written.path, written.bytes_written);
                    reporter.done(&written.path);
                }
            }
            for file in large {
                match self.upload_alone(&file, place_of(remote, &file.within), reporter, call).await {
                    Err(_) if !file.path.exists() => all_gone.push(Skipped::new(&file.within, SkipReason::Gone)),
                    outcome => outcome?,
                }
            }
            files = rest;
        }
        Ok(all_gone)
    }

    async fn upload_alone(
        &self,
        file: &LocalFile,
        remote: String,
        reporter: &Reporter<'_>,
        call: &CallOptions,
    ) -> Result<(), ClientError> {
        let unreadable = |error| ClientError::local(&file.path, "read", error);
        let LocalSource { mut reader, size } = LocalSource::open(&file.path).await.map_err(unreadable)?;
        let write = WriteCall { path: remote.clone(), mode: file.mode, size };
        let (writer, upload) = self.upload_file(write, call);
        let feed = async {
            let mut left = size.unwrap_or(u64::MAX);
            while left > 0 {
                let mut chunk = Vec::with_capacity(CHUNK);
                let read = (&mut reader).take(left.min(CHUNK as u64)).read_buf(&mut chunk).await.map_err(unreadable)?;
                if read == 0 {
                    if size.is_none() {
                        break;
                    }
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
