use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

/// Opens a SQLite file, making it if there is none.
pub(crate) async fn open(file: &Path, max_connections: u32) -> sqlx::Result<SqlitePool> {
    pool(max_connections).connect_with(options(file)).await
}

/// The same file, opened at its first use.
pub(crate) fn open_later(file: &Path, max_connections: u32) -> SqlitePool {
    pool(max_connections).connect_lazy_with(options(file))
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode this survives a killed engine; only a power cut may lose the last transactions.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(10))
}

fn pool(max_connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(max_connections).after_release(|connection, _| {
        Box::pin(async {
            // A rollback may still be queued.
            connection.ping().await?;
            // On a full disk SQLite rolls back by itself. sqlx's own ROLLBACK fails then, and it counts the transaction
            // as open for ever: no other could begin on this connection.
            Ok(!connection.is_in_transaction())
        })
    })
}

/// What was written to a file last stands in here.
pub(crate) fn write_ahead_log(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// What SQLite says of a file that it can't make sense of.
pub(crate) fn is_damaged(error: &sqlx::Error) -> bool {
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    code(error).is_some_and(|code| matches!(code & 0xff, CORRUPT | NOT_A_DATABASE))
}

/// Whether there was no room. At the end of a quota a write fails otherwise, and a mapped file can't grow on a full disk.
pub(crate) fn is_disk_full(error: &sqlx::Error) -> bool {
    const FULL: u32 = 13;
    const WRITE_FAILED: u32 = 778;
    const SHARED_MEMORY_SIZE: u32 = 4874;
    matches!(code(error), Some(FULL | WRITE_FAILED | SHARED_MEMORY_SIZE))
}

/// The extended result code.
fn code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets the file have so many pages: SQLite's own stand-in for a disk that is full.
    async fn limit_pages(pool: &SqlitePool, pages: u32) {
        let mut connection = pool.acquire().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}")))
            .execute(&mut *connection)
            .await
            .unwrap();
    }

    async fn insert(pool: &SqlitePool, text: &str) -> sqlx::Result<()> {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO texts VALUES (?)").bind(text).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    #[tokio::test]
    async fn transactions_begin_again_after_one_met_a_full_disk() {
        let folder = tempfile::tempdir().unwrap();
        let pool = open(&folder.path().join("file.db"), 1).await.unwrap();
        sqlx::query("CREATE TABLE texts (text TEXT)").execute(&pool).await.unwrap();
        limit_pages(&pool, 4).await;
        let full = insert(&pool, &"x".repeat(100_000)).await.unwrap_err();
        assert!(is_disk_full(&full), "{full}");
        limit_pages(&pool, 1_000_000).await;
        insert(&pool, "there is room again").await.unwrap();
    }

    #[tokio::test]
    async fn a_file_of_something_else_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file.db");
        std::fs::write(&file, "no database".repeat(1000)).unwrap();
        let error = open(&file, 1).await.unwrap_err();
        assert!(is_damaged(&error) && !is_disk_full(&error), "{error}");
    }
}
