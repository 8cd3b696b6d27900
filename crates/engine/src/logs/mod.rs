//! Each sandbox's log: what the engine did with it and what its processes print. Kept on disk, bounded, beside the records:
//! a flood of lines must not stand in the records' way.

mod file;
mod read;
mod sqlite;
mod writer;

use async_trait::async_trait;
use jiff::Timestamp;
use sandbar_protocol::{LogLevel, LogsQuery, SandboxLogs};
pub use sqlite::SqliteLogs;

use crate::store::StoreError;

/// Keeps the logs of all sandboxes.
#[async_trait]
pub trait Logs: Send + Sync + 'static {
    /// Adds a line. It is written within milliseconds, beside the call.
    async fn add(&self, line: Line);

    /// Drops the logs of sandboxes that are forgotten.
    async fn forget(&self, sandbox_ids: Vec<String>);

    /// Reads one window, with everything that was added before.
    ///
    /// Forward, a cursor is the first line to look at; backward, the line before which to look. `nextCursor` goes on
    /// where the window ended, also past what a filter left out.
    async fn read(&self, sandbox_id: &str, query: &LogsQuery) -> Result<SandboxLogs, StoreError>;

    /// Writes everything out and closes.
    async fn close(&self);
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
