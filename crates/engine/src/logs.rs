//! Each sandbox's log: what the engine did with it and what its start printed, in memory, bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, LogDirection, LogEntry, LogLevel, LogsQuery, SandboxLogs};
use serde_json::{Value, json};

const MAX_ENTRIES: usize = 5_000;
const MAX_BYTES: usize = 1024 * 1024;
const DEFAULT_LIMIT: u64 = 100;

/// The logs of all sandboxes.
#[derive(Default)]
pub(crate) struct Logs {
    rings: Mutex<HashMap<String, Ring>>,
}

#[derive(Default)]
struct Ring {
    entries: VecDeque<LogEntry>,
    bytes: usize,
    /// The cursor of the oldest entry: cursors count from the first line ever written.
    first: u64,
}

impl Logs {
    /// Adds a line; the oldest go when the log is full.
    pub(crate) fn add(&self, id: &str, level: LogLevel, source: &str, message: String, now: Timestamp) {
        let fields = BTreeMap::from([("source".to_owned(), json!(source))]);
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = rings.entry(id.to_owned()).or_default();
        ring.bytes += message.len();
        ring.entries.push_back(LogEntry { timestamp: Some(now), message, level: Some(level), fields });
        while ring.entries.len() > MAX_ENTRIES || ring.bytes > MAX_BYTES {
            let Some(oldest) = ring.entries.pop_front() else { break };
            ring.bytes -= oldest.message.len();
            ring.first += 1;
        }
    }

    /// Drops a sandbox's log.
    pub(crate) fn forget(&self, id: &str) {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Reads one window.
    ///
    /// Forward, a cursor is the first line to look at; backward, the line before which to look. `nextCursor` goes on
    /// where the window ended, also past what a filter left out.
    pub(crate) fn read(&self, id: &str, query: &LogsQuery) -> SandboxLogs {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = Ring::default();
        let ring = rings.get(id).unwrap_or(&empty);
        let end = ring.first + ring.entries.len() as u64;
        let limit = usize::try_from(query.limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(usize::MAX);
        let backward = query.direction == Some(LogDirection::Backward);
        let default_cursor = if backward { end } else { ring.first };
        let mut cursor = query.cursor.unwrap_or(default_cursor).clamp(ring.first, end);
        let mut logs = Vec::new();
        let more = |cursor: u64| if backward { cursor > ring.first } else { cursor < end };
        while logs.len() < limit && more(cursor) {
            let line = if backward { cursor - 1 } else { cursor };
            cursor = if backward { line } else { line + 1 };
            let entry = usize::try_from(line - ring.first).ok().and_then(|index| ring.entries.get(index));
            logs.extend(entry.filter(|entry| matches(entry, query)).cloned());
        }
        let diagnostic = logs.is_empty().then(|| why_empty(end, query));
        let has_more = Some(more(cursor));
        SandboxLogs { logs, next_cursor: Some(cursor), has_more, query: Some(echo(query, limit)), diagnostic }
    }
}

fn matches(entry: &LogEntry, query: &LogsQuery) -> bool {
    query.level.is_none_or(|level| entry.level == Some(level))
        && query.search.as_ref().is_none_or(|text| entry.message.contains(text.as_str()))
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

fn echo(query: &LogsQuery, limit: usize) -> Value {
    let mut echo: serde_json::Map<String, Value> =
        query.to_pairs().into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
    if let Some(cursor) = query.cursor {
        echo.insert("cursor".to_owned(), json!(cursor));
    }
    echo.insert("limit".to_owned(), json!(limit));
    Value::Object(echo)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(lines: usize) -> Logs {
        let logs = Logs::default();
        for n in 0..lines {
            let level = if n % 2 == 0 { LogLevel::Info } else { LogLevel::Error };
            logs.add("sb-1", level, "runtime", format!("line {n}"), Timestamp::UNIX_EPOCH);
        }
        logs
    }

    fn messages(answer: &SandboxLogs) -> Vec<&str> {
        answer.logs.iter().map(|entry| entry.message.as_str()).collect()
    }

    #[test]
    fn cursors_go_both_ways_without_losing_or_repeating() {
        let logs = filled(5);
        let query = LogsQuery { limit: Some(3), ..LogsQuery::default() };
        let first = logs.read("sb-1", &query);
        assert_eq!((messages(&first), first.has_more), (vec!["line 0", "line 1", "line 2"], Some(true)));
        let second = logs.read("sb-1", &LogsQuery { cursor: first.next_cursor, ..query.clone() });
        assert_eq!((messages(&second), second.has_more), (vec!["line 3", "line 4"], Some(false)));
        let back = LogsQuery { direction: Some(LogDirection::Backward), ..query };
        let newest = logs.read("sb-1", &back);
        assert_eq!(messages(&newest), ["line 4", "line 3", "line 2"]);
        let older = logs.read("sb-1", &LogsQuery { cursor: newest.next_cursor, ..back });
        assert_eq!((messages(&older), older.has_more), (vec!["line 1", "line 0"], Some(false)));
    }

    #[test]
    fn an_empty_answer_says_why() {
        let reason = |logs: &Logs, query: LogsQuery| logs.read("sb-1", &query).diagnostic.map(|d| d.reason);
        assert_eq!(reason(&Logs::default(), LogsQuery::default()).as_deref(), Some("no_logs_yet"));
        let logs = filled(2);
        let search = LogsQuery { search: Some("nothing".into()), ..LogsQuery::default() };
        assert_eq!(reason(&logs, search).as_deref(), Some("filters_applied"));
        let late = LogsQuery { cursor: Some(99), ..LogsQuery::default() };
        assert_eq!(reason(&logs, late).as_deref(), Some("cursor_window_empty"));
        let errors = LogsQuery { level: Some(LogLevel::Error), ..LogsQuery::default() };
        assert_eq!(messages(&logs.read("sb-1", &errors)), ["line 1"]);
    }

    #[test]
    fn a_log_is_bounded_and_its_cursors_go_on() {
        let logs = filled(MAX_ENTRIES + 10);
        let answer = logs.read("sb-1", &LogsQuery { limit: Some(1), ..LogsQuery::default() });
        assert_eq!((messages(&answer), answer.next_cursor), (vec!["line 10"], Some(11)));
    }
}
