use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sandbar_protocol::{LogsQuery, SandboxLogs};
use sqlx::sqlite::SqlitePool;
use tokio::task::JoinHandle;

use super::queue::Queue;
use super::{Line, Logs, LogsError, file, read, writer};
use crate::store::StoreError;

/// The most that is kept of one sandbox's log; the oldest lines go first.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;
pub(super) const MAX_LINES: u64 = 10_000;
/// How long a call may take, the writing of earlier lines included.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// How long the last lines may take at the end.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Logs in one SQLite file, in WAL mode.
pub struct SqliteLogs {
    queue: Arc<Queue>,
    pool: SqlitePool,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteLogs {
    /// Opens the file, making it if there is none, and brings its schema up to date.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let pool = file::open(file).await?;
        let queue = Arc::new(Queue::new());
        let writer = tokio::spawn(writer::write(pool.clone(), queue.clone()));
        Ok(Self { queue, pool, writer: Mutex::new(Some(writer)) })
    }

    /// What a query gives, if it is in time. One that is late goes on by itself: a connection whose query was dropped
    /// halfway is of no use any more.
    async fn in_time<T: Send + 'static>(
        &self,
        query: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, LogsError> {
        let query = tokio::time::timeout(CALL_LIMIT, tokio::spawn(query)).await;
        // A task that panicked or was dropped at the end has no answer.
        Ok(query.map_err(|_| LogsError::TimedOut)?.map_err(|_| LogsError::TimedOut)??)
    }
}

#[async_trait]
impl Logs for SqliteLogs {
    fn add(&self, line: Line) {
        self.queue.push(line);
    }

    async fn read(&self, sandbox_id: &str, query: &LogsQuery) -> Result<SandboxLogs, LogsError> {
        let (queue, pool) = (self.queue.clone(), self.pool.clone());
        let (sandbox_id, query) = (sandbox_id.to_owned(), query.clone());
        self.in_time(async move {
            queue.written(&sandbox_id).await;
            read::window(&pool, &sandbox_id, &query).await
        })
        .await
    }

    async fn sandbox_ids(&self) -> Result<Vec<String>, LogsError> {
        let pool = self.pool.clone();
        self.in_time(async move { read::sandbox_ids(&pool).await }).await
    }

    async fn forget(&self, sandbox_ids: &[String]) -> Result<(), LogsError> {
        for id in sandbox_ids {
            let delete = sqlx::query("DELETE FROM lines WHERE sandbox = ?").bind(id.clone());
            let pool = self.pool.clone();
            self.in_time(async move { Ok(delete.execute(&pool).await.map(|_| ())?) }).await?;
        }
        Ok(())
    }

    async fn close(&self) {
        self.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut writer) = writer
            && tokio::time::timeout(CLOSE_LIMIT, &mut writer).await.is_err()
        {
            tracing::warn!("the last lines of sandboxes' logs could not be written in time");
            writer.abort();
        }
        // A query that hangs keeps its connection.
        let _ = tokio::time::timeout(CLOSE_LIMIT, self.pool.close()).await;
    }
}

impl Drop for SqliteLogs {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sandbar_protocol::{LogDirection, LogLevel};
    use tempfile::TempDir;

    use super::*;

    async fn filled(folder: &TempDir, lines: usize) -> SqliteLogs {
        let logs = SqliteLogs::open(&folder.path().join("logs.db")).await.unwrap();
        for n in 0..lines {
            let level = if n % 2 == 0 { LogLevel::Info } else { LogLevel::Error };
            logs.add(line("sb-1", level, format!("line {n}")));
            if n % 1000 == 999 {
                logs.queue.all_written().await;
            }
        }
        logs
    }

    fn line(sandbox_id: &str, level: LogLevel, message: String) -> Line {
        Line { sandbox_id: sandbox_id.to_owned(), time: Timestamp::UNIX_EPOCH, level, source: "runtime", message }
    }

    fn messages(answer: &SandboxLogs) -> Vec<&str> {
        answer.logs.iter().map(|entry| entry.message.as_str()).collect()
    }

    #[tokio::test]
    async fn lines_are_written_once_a_file_that_could_not_be_opened_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logs.db");
        std::fs::create_dir(&file).unwrap();
        let logs = filled(&folder, 1).await;
        std::fs::remove_dir(&file).unwrap();
        let answer = logs.read("sb-1", &LogsQuery::default()).await.unwrap();
        assert_eq!(messages(&answer), ["line 0"]);
    }

    #[tokio::test]
    async fn cursors_go_both_ways_without_losing_or_repeating() {
        let folder = tempfile::tempdir().unwrap();
        let logs = filled(&folder, 5).await;
        let query = LogsQuery { limit: Some(3), ..LogsQuery::default() };
        let first = logs.read("sb-1", &query).await.unwrap();
        assert_eq!((messages(&first), first.has_more), (vec!["line 0", "line 1", "line 2"], Some(true)));
        let second = logs.read("sb-1", &LogsQuery { cursor: first.next_cursor, ..query.clone() }).await.unwrap();
        assert_eq!((messages(&second), second.has_more), (vec!["line 3", "line 4"], Some(false)));
        let back = LogsQuery { direction: Some(LogDirection::Backward), ..query };
        let newest = logs.read("sb-1", &back).await.unwrap();
        assert_eq!(messages(&newest), ["line 4", "line 3", "line 2"]);
        let older = logs.read("sb-1", &LogsQuery { cursor: newest.next_cursor, ..back }).await.unwrap();
        assert_eq!((messages(&older), older.has_more), (vec!["line 1", "line 0"], Some(false)));
    }

    #[tokio::test]
    async fn an_empty_answer_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let logs = filled(&folder, 2).await;
        let reason =
            async |id: &str, query: LogsQuery| logs.read(id, &query).await.unwrap().diagnostic.map(|d| d.reason);
        assert_eq!(reason("sb-2", LogsQuery::default()).await.as_deref(), Some("no_logs_yet"));
        let search = LogsQuery { search: Some("nothing".into()), ..LogsQuery::default() };
        assert_eq!(reason("sb-1", search).await.as_deref(), Some("filters_applied"));
        let late = LogsQuery { cursor: Some(99), ..LogsQuery::default() };
        assert_eq!(reason("sb-1", late).await.as_deref(), Some("cursor_window_empty"));
    }

    #[tokio::test]
    async fn level_and_search_choose_lines_and_the_cursor_goes_past_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let logs = filled(&folder, 6).await;
        let errors = LogsQuery { level: Some(LogLevel::Error), limit: Some(2), ..LogsQuery::default() };
        let first = logs.read("sb-1", &errors).await.unwrap();
        assert_eq!((messages(&first), first.next_cursor), (vec!["line 1", "line 3"], Some(4)));
        let rest = logs.read("sb-1", &LogsQuery { cursor: Some(4), ..errors }).await.unwrap();
        assert_eq!((messages(&rest), rest.next_cursor, rest.has_more), (vec!["line 5"], Some(6), Some(false)));
        // No character of it is a wildcard.
        logs.add(line("sb-1", LogLevel::Warn, "100%_\0done".into()));
        let search = |text: &str| LogsQuery { search: Some(text.into()), ..LogsQuery::default() };
        assert_eq!(messages(&logs.read("sb-1", &search("%_")).await.unwrap()), ["100%_\u{fffd}done"]);
        assert_eq!(messages(&logs.read("sb-1", &search("ine 2")).await.unwrap()), ["line 2"]);
    }

    #[tokio::test]
    async fn a_log_is_bounded_and_its_cursors_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let logs = filled(&folder, usize::try_from(MAX_LINES).unwrap() + 10).await;
        let one = LogsQuery { limit: Some(1), ..LogsQuery::default() };
        let answer = logs.read("sb-1", &one).await.unwrap();
        let next = answer.next_cursor.unwrap();
        assert_eq!(messages(&answer), [format!("line {}", next - 1)]);
        assert!((2..MAX_LINES / 2).contains(&next), "{next}");
        for _ in 0..300 {
            logs.add(line("sb-1", LogLevel::Info, "x".repeat(8 * 1024)));
        }
        let lines = LogsQuery { limit: Some(1000), ..LogsQuery::default() };
        let kept = logs.read("sb-1", &lines).await.unwrap();
        let bytes: usize = kept.logs.iter().map(|entry| entry.message.len()).sum();
        assert!(bytes as u64 <= MAX_BYTES && kept.logs.len() > 50, "{bytes} bytes in {} lines", kept.logs.len());
        assert_eq!(kept.next_cursor, Some(MAX_LINES + 310));
    }

    #[tokio::test]
    async fn a_log_goes_on_after_a_restart_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        filled(&folder, 3).await.close().await;
        let logs = SqliteLogs::open(&folder.path().join("logs.db")).await.unwrap();
        logs.add(line("sb-1", LogLevel::Info, "after".into()));
        logs.add(line("sb-2", LogLevel::Info, "another's".into()));
        let all = logs.read("sb-1", &LogsQuery::default()).await.unwrap();
        assert_eq!((messages(&all), all.next_cursor), (vec!["line 0", "line 1", "line 2", "after"], Some(4)));
        logs.forget(&["sb-1".to_owned()]).await.unwrap();
        assert_eq!(logs.read("sb-1", &LogsQuery::default()).await.unwrap().logs, []);
        assert_eq!(messages(&logs.read("sb-2", &LogsQuery::default()).await.unwrap()), ["another's"]);
    }
}
