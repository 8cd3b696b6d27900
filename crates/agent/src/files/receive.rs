use std::fmt::Display;
use std::path::PathBuf;

use axum::body::Bytes;
use futures_util::Stream;

use super::STEP;
use super::body::gather;
use super::replacement::Replacement;
use crate::blocking::blocking;
use crate::problem::Problem;

/// Streams content into a file; `finish` decides what becomes of it when all is there. If the stream breaks off, or the
/// caller goes away, the file stays as it was.
pub(super) async fn receive<T: Send + 'static, E: Display>(
    mut content: impl Stream<Item = Result<Bytes, E>> + Unpin,
    path: PathBuf,
    mode: Option<u32>,
    finish: impl FnOnce(Replacement) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let mut begun: Option<Replacement> = None;
    let mut bytes = Vec::new();
    loop {
        let ended = gather(&mut content, &mut bytes, STEP).await?;
        let path = path.clone();
        // A small file is begun, written and finished in one go.
        let write = move || {
            let mut replacement = match begun {
                Some(replacement) => replacement,
                None => Replacement::begin(&path, mode)?,
            };
            replacement.write(&bytes)?;
            bytes.clear();
            Ok((replacement, bytes))
        };
        if ended {
            return blocking(move || write().and_then(|(replacement, _)| finish(replacement))).await;
        }
        let (replacement, emptied) = blocking(write).await?;
        (begun, bytes) = (Some(replacement), emptied);
    }
}
