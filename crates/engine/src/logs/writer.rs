use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sandbar_protocol::LogLevel;
use sqlx::sqlite::SqlitePool;
use sqlx::{Row, SqliteConnection};

use super::Line;
use super::queue::Queue;
use super::sqlite::{MAX_BYTES, MAX_LINES};
use crate::migrations::migrate_logs;

/// Of more sandboxes than this, the ends are looked up anew.
const MAX_KNOWN: usize = 4096;
/// After a batch that could not be written, how long until the next attempt: at first, and at most.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Where a sandbox's log begins and ends, and what is in between.
#[derive(Clone, Copy, Default)]
struct Extent {
    first: i64,
    next: i64,
    bytes: u64,
}

/// Writes what is in the queue until it is closed. A batch that can't be written is tried again: meanwhile the queue
/// counts what it has no room for.
pub(super) async fn write(pool: SqlitePool, queue: Arc<Queue>) {
    let mut known = HashMap::new();
    while let Some(batch) = queue.next().await {
        let mut backoff = FIRST_BACKOFF;
        while let Err(error) = write_batch(&pool, &mut known, &batch.lines).await {
            known.clear();
            // Once, and not for each attempt on a full disk.
            if backoff == FIRST_BACKOFF {
                tracing::error!("sandboxes' logs can't be written, the engine tries again: {error}");
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
            // A file that could not be opened at the start may be new. If this fails, so does the next attempt.
            let _ = migrate_logs(&pool).await;
        }
        if known.len() > MAX_KNOWN {
            known.clear();
        }
        queue.has_written(batch);
    }
}

async fn write_batch(
    pool: &SqlitePool,
    known: &mut HashMap<String, Extent>,
    lines: &[Line],
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    for line in lines {
        add(&mut transaction, known, line).await?;
    }
    transaction.commit().await
}

async fn add(
    connection: &mut SqliteConnection,
    known: &mut HashMap<String, Extent>,
    line: &Line,
) -> Result<(), sqlx::Error> {
    let mut extent = match known.get(&line.sandbox_id) {
        Some(extent) => *extent,
        None => look_up(connection, &line.sandbox_id).await?,
    };
    // SQLite's functions take NUL for the end of a text.
    let message = line.message.replace('\0', "\u{fffd}");
    sqlx::query("INSERT INTO lines (sandbox, seq, time_ms, level, source, message) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(&line.sandbox_id)
        .bind(extent.next)
        .bind(line.time.as_millisecond())
        .bind(word(line.level))
        .bind(line.source)
        .bind(&message)
        .execute(&mut *connection)
        .await?;
    extent.next += 1;
    extent.bytes += message.len() as u64;
    while extent.bytes > MAX_BYTES || (extent.next - extent.first).unsigned_abs() > MAX_LINES {
        cut(connection, &line.sandbox_id, &mut extent).await?;
    }
    known.insert(line.sandbox_id.clone(), extent);
    Ok(())
}

async fn look_up(connection: &mut SqliteConnection, sandbox_id: &str) -> Result<Extent, sqlx::Error> {
    let query = "SELECT min(seq) AS first, max(seq) + 1 AS next, sum(length(CAST(message AS BLOB))) AS bytes \
                 FROM lines WHERE sandbox = ?";
    let row = sqlx::query(query).bind(sandbox_id).fetch_one(connection).await?;
    let number = |name| row.try_get::<Option<i64>, _>(name).map(Option::unwrap_or_default);
    Ok(Extent { first: number("first")?, next: number("next")?, bytes: number("bytes")?.unsigned_abs() })
}

/// Drops the oldest quarter: few lines at a time would cost a statement each.
async fn cut(connection: &mut SqliteConnection, sandbox_id: &str, extent: &mut Extent) -> Result<(), sqlx::Error> {
    let first = extent.first + ((extent.next - extent.first) / 4).max(1);
    sqlx::query("DELETE FROM lines WHERE sandbox = ? AND seq < ?")
        .bind(sandbox_id)
        .bind(first)
        .execute(&mut *connection)
        .await?;
    let left = look_up(connection, sandbox_id).await?;
    // One that is empty begins where it ended.
    *extent = Extent { first, next: extent.next, bytes: left.bytes };
    Ok(())
}

pub(super) fn word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}
