use std::path::PathBuf;

use sandbar_client::{CallOptions, DownloadCall, EntryKind, ReadCall, TransferReport};

use super::bar::Bar;
use super::is_directory;
use super::place::RemotePlace;
use crate::commands::Session;
use crate::exit::CliError;

/// Copies a file, or a directory if that was asked for, to this machine.
pub(super) async fn to_file(
    source: &RemotePlace,
    local: PathBuf,
    recursive: bool,
    session: &Session<'_>,
) -> Result<TransferReport, CliError> {
    let runtime = session.client.runtime(&source.sandbox_id, None)?;
    let call = CallOptions::default();
    let entry = runtime.stat(&source.path, &call).await?;
    if entry.kind == EntryKind::Dir && !recursive {
        return Err(is_directory(&format!("{}:{}", source.sandbox_id, source.path)));
    }
    let into = local.is_dir() || local.as_os_str().to_string_lossy().ends_with('/');
    let local = match source.name() {
        Some(name) if into => local.join(name),
        _ => local,
    };
    let bar = Bar::new(session.output);
    let download = DownloadCall { remote: source.path.clone(), local };
    Ok(runtime.download(&download, &|progress| bar.show(&progress), &call).await?)
}

/// Writes a file to standard output.
pub(super) async fn to_stream(source: &RemotePlace, session: &Session<'_>) -> Result<(), CliError> {
    let runtime = session.client.runtime(&source.sandbox_id, None)?;
    let read = ReadCall { path: source.path.clone(), ..ReadCall::default() };
    let mut content = runtime.open_file(&read, &CallOptions::default()).await?;
    while let Some(bytes) = content.next().await? {
        session.output.write(bytes)?;
    }
    Ok(())
}
