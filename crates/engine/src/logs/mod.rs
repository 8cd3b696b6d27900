//! Each sandbox's log: what the engine did with it and what its processes print. Kept on disk, bounded, beside the records:
//! a flood of lines must not stand in the records' way, and nothing waits for a line to be written.

mod file;
mod queue;
mod read;
mod sqlite;
mod writer;

use async_trait::async_trait;
use jiff::Timestamp;
use sandbar_protocol::{LogLevel, LogsQuery, SandboxLogs};
pub use sqlite::SqliteLogs;

use crate::store::StoreError;

/// The source of what the engine itself does with a sandbox.
pub(crate) const ENGINE: &str = "engine";
/// The source of what a sandbox's processes print.
pub(crate) const RUNTIME: &str = "runtime";

/// Keeps the logs of all sandboxes.
#[async_trait]
pub trait Logs: Send + Sync + 'static {
    /// Adds a line, without waiting: it is written within milliseconds, beside the call. While lines can't be written,
    /// a bounded number waits; the others are dropped, and the log says how many.
    fn add(&self, line: Line);

    /// Reads one window, with everything that was added before, within a time limit.
    ///
    /// Forward, a cursor is the first line to look at; backward, the line before which to look. `nextCursor` goes on
    /// where the window ended, also past what a filter left out.
    async fn read(&self, sandbox_id: &str, query: &LogsQuery) -> Result<SandboxLogs, LogsError>;

    /// The sandboxes that have lines.
    async fn sandbox_ids(&self) -> Result<Vec<String>, LogsError>;

    /// Removes the logs of sandboxes.
    async fn forget(&self, sandbox_ids: &[String]) -> Result<(), LogsError>;

    /// Writes everything out, within a time limit, and closes.
    async fn close(&self);
}

/// Why a log can't be read.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// Lines that were added are not written yet, or the file does not answer.
    #[error(
        "the logs can't be read at the moment: logs.db is locked by another program, or its disk is full or slow; try again"
    )]
    TimedOut,
    /// The file refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A line that has just been printed.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whose log it goes into.
    pub sandbox_id: String,
    /// When it was printed.
    pub time: Timestamp,
    /// How grave it is.
    pub level: LogLevel,
    /// Who says it: `engine` or `runtime`.
    pub source: &'static str,
    /// The text, without its newline.
    pub message: String,
}
