use std::collections::HashMap;
use std::time::Duration;

use sandbar_protocol::LogLevel;
use sqlx::sqlite::SqlitePool;
use sqlx::{Row, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::Line;
use super::sqlite::{MAX_BYTES, MAX_LINES};

/// The most orders of one transaction.
const BATCH: usize = 256;
/// How long lines are gathered: a start has half a dozen, and each transaction costs as much as a start's own.
const GATHER: Duration = Duration::from_millis(20);
/// Of more sandboxes than this, the ends are looked up anew.
const MAX_KNOWN: usize = 4096;

/// What the writer is told.
pub(super) enum Order {
    Line(Line),
    Forget(Vec<String>),
    /// Tells when everything before is written.
    Flush(oneshot::Sender<()>),
}

/// Where a sandbox's log begins and ends, and what is in between.
#[derive(Clone, Copy, Default)]
struct Extent {
    first: i64,
    next: i64,
    bytes: u64,
}

/// Writes what comes, all that waits at once, until the last sender is gone.
pub(super) async fn write(pool: SqlitePool, mut inbox: mpsc::Receiver<Order>) {
    let mut known = HashMap::new();
    let mut failed = false;
    let mut batch = Vec::with_capacity(BATCH);
    while collect(&mut inbox, &mut batch).await {
        let (lines, flushed) = sort(batch.drain(..));
        let result = if lines.is_empty() { Ok(()) } else { write_batch(&pool, &mut known, lines).await };
        if let Err(error) = &result {
            known.clear();
            // Once, and not for each line of a full disk.
            if !failed {
                tracing::error!("sandboxes' logs can't be written, lines are lost: {error}");
            }
        }
        failed = result.is_err();
        if known.len() > MAX_KNOWN {
            known.clear();
        }
        for done in flushed {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }
}

/// Waits for the next orders, and a little longer for more; not if someone waits for them. `false` after the last.
async fn collect(inbox: &mut mpsc::Receiver<Order>, batch: &mut Vec<Order>) -> bool {
    if inbox.recv_many(batch, BATCH).await == 0 {
        return false;
    }
    let late = tokio::time::sleep(GATHER);
    tokio::pin!(late);
    while batch.len() < BATCH && !batch.iter().any(|order| matches!(order, Order::Flush(_))) {
        let room = BATCH - batch.len();
        tokio::select! {
            more = inbox.recv_many(batch, room) => if more == 0 { break },
            () = &mut late => break,
        }
    }
    true
}

fn sort(orders: impl Iterator<Item = Order>) -> (Vec<Order>, Vec<oneshot::Sender<()>>) {
    let (mut changes, mut flushed) = (Vec::new(), Vec::new());
    for order in orders {
        match order {
            Order::Flush(done) => flushed.push(done),
            change => changes.push(change),
        }
    }
    (changes, flushed)
}

async fn write_batch(
    pool: &SqlitePool,
    known: &mut HashMap<String, Extent>,
    changes: Vec<Order>,
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    for change in changes {
        match change {
            Order::Line(line) => add(&mut transaction, known, line).await?,
            Order::Forget(sandbox_ids) => {
                for id in sandbox_ids {
                    sqlx::query("DELETE FROM lines WHERE sandbox = ?").bind(&id).execute(&mut *transaction).await?;
                    known.remove(&id);
                }
            }
            Order::Flush(_) => {}
        }
    }
    transaction.commit().await
}

async fn add(
    connection: &mut SqliteConnection,
    known: &mut HashMap<String, Extent>,
    line: Line,
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
    known.insert(line.sandbox_id, extent);
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
