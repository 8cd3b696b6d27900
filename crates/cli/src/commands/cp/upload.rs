use std::path::{Path, PathBuf};

use sandbar_client::{CallOptions, EntryKind, Runtime, TransferReport, UploadCall, WriteCall};

use super::bar::Bar;
use super::is_directory;
use super::place::{RemotePlace, name_of};
use crate::commands::Session;
use crate::exit::CliError;
use crate::standard_input;

/// Copies a file, or a directory if that was asked for, to a sandbox.
pub(super) async fn of_file(
    local: PathBuf,
    target: &RemotePlace,
    recursive: bool,
    session: &Session<'_>,
) -> Result<TransferReport, CliError> {
    let place = local.display().to_string();
    let metadata = std::fs::metadata(&local).map_err(CliError::system(format!("can't read {place}")))?;
    if metadata.is_dir() && !recursive {
        return Err(is_directory(&place));
    }
    let runtime = session.client.runtime(&target.sandbox_id, None)?;
    let into = target.is_directory() || exists_as_directory(&runtime, &target.path).await?;
    let remote = if into { target.join(own_name(&local)?.as_deref()) } else { target.path.clone() };
    let bar = Bar::new(session.output);
    let upload = UploadCall::new(local, remote);
    Ok(runtime.upload(&upload, &|progress| bar.show(&progress), &CallOptions::default()).await?)
}

/// Sends what comes on standard input as a file.
pub(super) async fn of_stream(target: &RemotePlace, session: &Session<'_>) -> Result<TransferReport, CliError> {
    if target.is_directory() {
        let message = format!("{} is a directory: name the file that standard input becomes", target.path);
        return Err(CliError::Usage(message));
    }
    let runtime = session.client.runtime(&target.sandbox_id, None)?;
    let write = WriteCall { path: target.path.clone(), mode: None, size: None };
    let (writer, upload) = runtime.upload_file(write, &CallOptions::default());
    let bar = Bar::new(session.output);
    let feed = async {
        let mut input = standard_input::read();
        while let Some(piece) = input.recv().await {
            let piece = piece.map_err(CliError::system("can't read standard input"))?;
            bar.advance(piece.len());
            if !writer.write(piece).await {
                // The upload says why.
                return Ok(());
            }
        }
        writer.finish().await;
        Ok(())
    };
    let upload = async { upload.await.map_err(CliError::from) };
    let (written, ()) = tokio::try_join!(upload, feed)?;
    Ok(TransferReport { files: 1, bytes: written.bytes_written, skipped: Vec::new() })
}

/// The name that it has in a directory; none for what is in a directory, as `a/.`.
fn own_name(local: &Path) -> Result<Option<String>, CliError> {
    let Some(text) = local.to_str() else {
        let message = format!("the name of {} is not UTF-8: give it another one as ID:PATH", local.display());
        return Err(CliError::Usage(message));
    };
    Ok(name_of(text).map(str::to_owned))
}

async fn exists_as_directory(runtime: &Runtime, path: &str) -> Result<bool, CliError> {
    let call = CallOptions::default();
    match runtime.stat(path, &call).await {
        Ok(entry) if entry.kind == EntryKind::Symlink => Ok(runtime.list_dir(path, 1, &call).await.is_ok()),
        Ok(entry) => Ok(entry.kind == EntryKind::Dir),
        Err(error) if error.is_gone() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
