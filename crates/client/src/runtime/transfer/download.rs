use std::path::{Path, PathBuf};

use futures_util::stream::{StreamExt, TryStreamExt, iter};

use super::local_file::NewLocalFile;
use super::local_folder::{make_folders, make_root, set_modes};
use super::names::local_place;
use super::progress::Reporter;
use super::upload::blocking;
use super::{DownloadCall, SkipReason, Skipped, TransferProgress, TransferReport};
use crate::runtime::body_reader::BodyReader;
use crate::runtime::files::{EntryInfo, EntryKind, ReadCall, is_missing};
use crate::{CallOptions, ClientError, Runtime};

const AT_ONCE: usize = 8;
/// Deeper than any file system goes.
const ALL: u32 = 4_096;

/// A file or directory on its way to this machine.
struct Incoming {
    remote: String,
    within: PathBuf,
    mode: Option<u32>,
}

impl Runtime {
    /// Downloads a file, or a directory with all that is in it. Modes are kept, but for those of directories that are there;
    /// symlinks in it are left out. Nothing is written outside the local place, whatever names the sandbox gives.
    ///
    /// What was written before a failure stays; each file is there as a whole, or as it was before. The local place of a
    /// file may be a symlink, which is followed, or a device or pipe, which is written into: it stays what it is.
    ///
    /// # Errors
    /// As every call; [`ClientError::LocalFile`] if a file of this machine can't be written.
    ///
    /// Routes: `POST {envdUrl}/filesystem.Filesystem/{Stat,ListDir}`, `GET {envdUrl}/files?path=`.
    pub async fn download(
        &self,
        transfer: &DownloadCall,
        tell: &(dyn Fn(TransferProgress) + Send + Sync),
        call: &CallOptions,
    ) -> Result<TransferReport, ClientError> {
        let reporter = Reporter::new(tell);
        let entry = self.stat(&transfer.remote, call).await?;
        let skipped = match entry.kind {
            EntryKind::Dir => self.download_tree(&entry, &transfer.local, &reporter, call).await?,
            // What a symlink leads to is only told by trying; the user named it.
            EntryKind::Symlink if self.list_dir(&transfer.remote, 1, call).await.is_ok() => {
                self.download_tree(&entry, &transfer.local, &reporter, call).await?
            }
            _ => {
                self.download_one(&entry, &transfer.local, &reporter, call).await?;
                Vec::new()
            }
        };
        let TransferProgress { files, bytes, .. } = reporter.end();
        Ok(TransferReport { files, bytes, skipped })
    }

    async fn download_one(
        &self,
        entry: &EntryInfo,
        local: &Path,
        reporter: &Reporter<'_>,
        call: &CallOptions,
    ) -> Result<(), ClientError> {
        let Some(folder) = local.parent().filter(|_| local.file_name().is_some()) else {
            return Err(ClientError::local(local, "write", "it is no path of a file"));
        };
        if local.is_dir() {
            let problem = "it is a directory, and a file comes: pass the path that the file is to have";
            return Err(ClientError::local(local, "write", problem));
        }
        tokio::fs::create_dir_all(folder).await.map_err(|error| ClientError::local(local, "write", error))?;
        let is_file = entry.kind == EntryKind::File;
        // Files of the system's own, as in /proc, say that they are empty.
        reporter.expects(1, Some(entry.size).filter(|size| is_file && *size > 0));
        let content = self.open_content(&entry.path, call).await?;
        let file = NewLocalFile::begin_named(local.to_owned()).await?;
        let mode = known_mode(entry.mode).filter(|_| is_file);
        copy(content, file, mode, &entry.path, reporter).await
    }

    async fn download_tree(
        &self,
        entry: &EntryInfo,
        local: &Path,
        reporter: &Reporter<'_>,
        call: &CallOptions,
    ) -> Result<Vec<Skipped>, ClientError> {
        let entries = self.list_dir(&entry.path, ALL, call).await?;
        let mut skipped = Vec::new();
        let (mut folders, mut files, mut bytes) = (Vec::new(), Vec::new(), 0);
        for EntryInfo { path, kind, size, mode, .. } in entries {
            let Some(within) = local_place(&entry.path, &path) else {
                skipped.push(Skipped::new(path, SkipReason::Name));
                continue;
            };
            let mode = known_mode(mode);
            match kind {
                EntryKind::Dir => folders.push(Incoming { remote: path, within, mode }),
                EntryKind::File => {
                    bytes += size;
                    files.push(Incoming { remote: path, within, mode });
                }
                EntryKind::Symlink => skipped.push(Skipped::new(within.to_string_lossy(), SkipReason::Symlink)),
                EntryKind::Other => skipped.push(Skipped::new(within.to_string_lossy(), SkipReason::Special)),
            }
        }
        reporter.expects(files.len() as u64, Some(bytes));
        let root = local.to_owned();
        // The mode of a symlink says nothing of what it leads to.
        let root_mode = known_mode(entry.mode).filter(|_| entry.kind == EntryKind::Dir);
        let made = blocking(local, move || {
            let mut made = Vec::from_iter(make_root(&root, root_mode)?);
            for Incoming { within, mode, .. } in &folders {
                made.extend(make_folders(&root, within, *mode)?);
            }
            Ok(made)
        })
        .await?;
        let receives = files.into_iter().map(|incoming| async move {
            let within = incoming.within.to_string_lossy().into_owned();
            match self.receive(incoming, local, reporter, call).await {
                Err(ClientError::Api(error)) if is_missing(&error) => Ok(vec![Skipped::new(within, SkipReason::Gone)]),
                outcome => outcome.map(|()| Vec::new()),
            }
        });
        let gone: Vec<Skipped> = iter(receives).buffer_unordered(AT_ONCE).try_concat().await?;
        blocking(local, move || set_modes(made)).await?;
        skipped.extend(gone);
        skipped.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(skipped)
    }

    async fn receive(
        &self,
        incoming: Incoming,
        root: &Path,
        reporter: &Reporter<'_>,
        call: &CallOptions,
    ) -> Result<(), ClientError> {
        let Incoming { remote, within, mode } = incoming;
        let content = self.open_content(&remote, call).await?;
        let place = root.join(&within);
        let (folder, parent) = (root.to_owned(), within.parent().map(Path::to_owned).unwrap_or_default());
        // Looked at again: a listing need not name the directories that its files are in.
        blocking(&place, move || make_folders(&folder, &parent, None)).await?;
        copy(content, NewLocalFile::begin(place)?, mode, &remote, reporter).await
    }

    async fn open_content(&self, remote: &str, call: &CallOptions) -> Result<BodyReader, ClientError> {
        let read = ReadCall { path: remote.to_owned(), ..ReadCall::default() };
        self.open_file(&read, call).await
    }
}

async fn copy(
    mut content: BodyReader,
    mut file: NewLocalFile,
    mode: Option<u32>,
    remote: &str,
    reporter: &Reporter<'_>,
) -> Result<(), ClientError> {
    while let Some(bytes) = content.next().await? {
        file.write(&bytes).await?;
        reporter.moved(remote, bytes.len() as u64);
    }
    file.finish(mode).await?;
    reporter.done(remote);
    Ok(())
}

/// A runtime that does not tell the mode says 0.
fn known_mode(mode: u32) -> Option<u32> {
    Some(mode & 0o777).filter(|mode| *mode != 0)
}
