use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// Progress is told no more often than this, but for the last.
const EVERY: Duration = Duration::from_millis(50);

/// How far a transfer is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferProgress {
    /// How many files are there.
    pub files: u64,
    /// How many bytes are there, parts of files included.
    pub bytes: u64,
    /// How many files there are in all, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_files: Option<u64>,
    /// How many bytes there are in all, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
    /// The file that was last worked on.
    pub path: String,
}

/// Counts a transfer, and tells of it now and then.
pub(super) struct Reporter<'a> {
    state: Mutex<(TransferProgress, Option<Instant>)>,
    tell: &'a (dyn Fn(TransferProgress) + Send + Sync),
}

impl<'a> Reporter<'a> {
    pub(super) fn new(tell: &'a (dyn Fn(TransferProgress) + Send + Sync)) -> Self {
        Self { state: Mutex::default(), tell }
    }

    /// What there is in all; a stream's bytes are not known.
    pub(super) fn expects(&self, files: u64, bytes: Option<u64>) {
        self.change(|progress| (progress.total_files, progress.total_bytes) = (Some(files), bytes));
    }

    pub(super) fn moved(&self, path: &str, bytes: u64) {
        self.change(|progress| {
            progress.bytes += bytes;
            path.clone_into(&mut progress.path);
        });
    }

    pub(super) fn done(&self, path: &str) {
        self.change(|progress| {
            progress.files += 1;
            path.clone_into(&mut progress.path);
        });
    }

    /// Tells the last of it, and gives it back.
    pub(super) fn end(&self) -> TransferProgress {
        let mut progress = self.state.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        progress.total_bytes.get_or_insert(progress.bytes);
        (self.tell)(progress.clone());
        progress
    }

    fn change(&self, change: impl FnOnce(&mut TransferProgress)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state.0);
        if state.1.is_none_or(|told| told.elapsed() >= EVERY) {
            state.1 = Some(Instant::now());
            (self.tell)(state.0.clone());
        }
    }
}
