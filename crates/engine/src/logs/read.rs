use std::collections::BTreeMap;

use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, LogDirection, LogEntry, LogLevel, LogsQuery, SandboxLogs};
use serde_json::{Value, json};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::writer::word;
use crate::store::StoreError;

const DEFAULT_LIMIT: u64 = 100;

/// One window of a sandbox's log.
pub(super) async fn window(pool: &SqlitePool, sandbox_id: &str, query: &LogsQuery) -> Result<SandboxLogs, StoreError> {
    // One view of the log for both queries.
    let mut transaction = pool.begin().await?;
    let ends = "SELECT (SELECT min(seq) FROM lines WHERE sandbox = ?1) AS first, \
                (SELECT max(seq) + 1 FROM lines WHERE sandbox = ?1) AS next";
    let row = sqlx::query(ends).bind(sandbox_id).fetch_one(&mut *transaction).await?;
    let end_of = |name| row.try_get::<Option<i64>, _>(name).map(|seq| seq.unwrap_or_default().unsigned_abs());
    let (first, end) = (end_of("first")?, end_of("next")?);
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let backward = query.direction == Some(LogDirection::Backward);
    let start = query.cursor.unwrap_or(if backward { end } else { first }).clamp(first, end);
    let rows = select(sandbox_id, query, start, limit).build().fetch_all(&mut *transaction).await?;
    transaction.rollback().await?;
    let cursor = match rows.last() {
        _ if limit == 0 => start,
        Some(last) if rows.len() as u64 == limit => {
            last.try_get::<i64, _>("seq")?.unsigned_abs() + u64::from(!backward)
        }
        // Everything that way was looked at.
        _ if backward => first,
        _ => end,
    };
    let logs = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let has_more = Some(if backward { cursor > first } else { cursor < end });
    let diagnostic = logs.is_empty().then(|| why_empty(end, query));
    Ok(SandboxLogs { logs, next_cursor: Some(cursor), has_more, query: Some(echo(query, limit)), diagnostic })
}

/// The sandboxes that have lines; each takes one step in the index, however many lines it has.
pub(super) async fn sandbox_ids(pool: &SqlitePool) -> Result<Vec<String>, StoreError> {
    let query = "WITH RECURSIVE ids(id) AS (SELECT min(sandbox) FROM lines UNION ALL \
                 SELECT (SELECT min(sandbox) FROM lines WHERE sandbox > id) FROM ids WHERE id IS NOT NULL) \
                 SELECT id FROM ids WHERE id IS NOT NULL";
    Ok(sqlx::query_scalar(query).fetch_all(pool).await?)
}

fn select(sandbox_id: &str, query: &LogsQuery, start: u64, limit: u64) -> QueryBuilder<Sqlite> {
    let backward = query.direction == Some(LogDirection::Backward);
    let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
    let mut select = QueryBuilder::new("SELECT seq, time_ms, level, source, message FROM lines WHERE sandbox = ");
    select.push_bind(sandbox_id.to_owned());
    select.push(if backward { " AND seq < " } else { " AND seq >= " }).push_bind(number(start));
    if let Some(level) = query.level {
        select.push(" AND level = ").push_bind(word(level));
    }
    if let Some(text) = &query.search {
        // Unlike LIKE, this knows no wildcards, and takes case seriously.
        select.push(" AND instr(message, ").push_bind(text.replace('\0', "\u{fffd}")).push(") > 0");
    }
    select.push(if backward { " ORDER BY seq DESC LIMIT " } else { " ORDER BY seq LIMIT " }).push_bind(number(limit));
    select
}

fn entry(row: &SqliteRow) -> Result<LogEntry, StoreError> {
    let levels = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];
    let level = row.try_get::<&str, _>("level")?;
    Ok(LogEntry {
        timestamp: Timestamp::from_millisecond(row.try_get("time_ms")?).ok(),
        message: row.try_get("message")?,
        level: levels.into_iter().find(|known| word(*known) == level),
        fields: BTreeMap::from([("source".to_owned(), json!(row.try_get::<&str, _>("source")?))]),
    })
}

fn why_empty(end: u64, query: &LogsQuery) -> Diagnostic {
    if end == 0 {
        Diagnostic::new("no_logs_yet", "nothing has been logged yet")
    } else if query.level.is_some() || query.search.is_some() {
        Diagnostic::new("filters_applied", "no line in this window matches the level and search asked for")
    } else {
        Diagnostic::new("cursor_window_empty", "there is no line in this window: go on from nextCursor later")
    }
}

fn echo(query: &LogsQuery, limit: u64) -> Value {
    let mut echo: serde_json::Map<String, Value> =
        query.to_pairs().into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
    if let Some(cursor) = query.cursor {
        echo.insert("cursor".to_owned(), json!(cursor));
    }
    echo.insert("limit".to_owned(), json!(limit));
    Value::Object(echo)
}
