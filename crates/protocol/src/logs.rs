use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fields::Fields;
use crate::lenient::{Lenient, lenient, lenient_list};
use crate::{Diagnostic, ValidationError};

/// The most lines of one answer.
pub const MAX_LOG_LIMIT: u64 = 1000;
const MAX_SEARCH_CHARS: usize = 256;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Detail for developers.
    Debug,
    /// The usual.
    Info,
    /// Something to look at.
    Warn,
    /// Something broke; also what processes print to standard error.
    Error,
}

impl Lenient for LogLevel {
    fn of_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl LogLevel {
    const WORDS: [&'static str; 4] = ["debug", "info", "warn", "error"];

    fn parse(word: &str) -> Option<Self> {
        [Self::Debug, Self::Info, Self::Warn, Self::Error]
            .into_iter()
            .zip(Self::WORDS)
            .find(|p| p.1 == word)
            .map(|p| p.0)
    }
}

/// Which way a cursor reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogDirection {
    /// Oldest first.
    #[default]
    Forward,
    /// Newest first.
    Backward,
}

/// Query of `GET /sandboxes/:sandboxID/logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogsQuery {
    /// Where to go on: the `nextCursor` of the answer before.
    pub cursor: Option<u64>,
    /// The most lines, 0…1000.
    pub limit: Option<u64>,
    /// Which way to read.
    pub direction: Option<LogDirection>,
    /// Only lines of this level.
    pub level: Option<LogLevel>,
    /// Only lines that contain this text, at most 256 characters.
    pub search: Option<String>,
}

impl LogsQuery {
    /// Reads `{cursor, limit, direction, level, search}`.
    pub fn from_json(value: &Value) -> Result<Self, ValidationError> {
        let fields = Fields::of("logs options", value, &["cursor", "limit", "direction", "level", "search"])?;
        let direction = match fields.word("direction", &["forward", "backward"])? {
            Some("backward") => Some(LogDirection::Backward),
            Some(_) => Some(LogDirection::Forward),
            None => None,
        };
        let search = fields.text("search")?;
        if search.is_some_and(|text| text.chars().count() > MAX_SEARCH_CHARS) {
            return Err(ValidationError::new(
                "search",
                format!("`search` must have at most {MAX_SEARCH_CHARS} characters"),
            ));
        }
        Ok(Self {
            cursor: fields.integer("cursor", 0, u64::MAX >> 11, "")?,
            limit: fields.integer("limit", 0, MAX_LOG_LIMIT, "lines")?,
            direction,
            level: fields.word("level", &LogLevel::WORDS)?.and_then(LogLevel::parse),
            search: search.map(str::to_owned),
        })
    }

    /// The query's pairs, for a URL.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let mut push = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
        push("cursor", self.cursor.map(|n| n.to_string()));
        push("limit", self.limit.map(|n| n.to_string()));
        push("direction", self.direction.map(|way| word(&way)));
        push("level", self.level.map(|level| word(&level)));
        push("search", self.search.clone());
        pairs
    }
}

fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogEntry {
    /// When.
    #[serde(default, deserialize_with = "lenient")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub timestamp: Option<Timestamp>,
    /// The line.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub message: String,
    /// How grave.
    #[serde(default, deserialize_with = "lenient")]
    pub level: Option<LogLevel>,
    /// Where it came from, as `source: engine|runtime`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub fields: BTreeMap<String, Value>,
}

impl Lenient for LogEntry {}

/// Answer of `GET /sandboxes/:sandboxID/logs`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SandboxLogs {
    /// The lines, in the direction asked for.
    #[serde(default, deserialize_with = "lenient_list")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub logs: Vec<LogEntry>,
    /// Where to go on.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<u64>,
    /// Whether there is more right now.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
    /// The query as the server understood it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Value>,
    /// Why there are no lines: `filters_applied`, `cursor_window_empty`, `no_logs_yet`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<Diagnostic>,
}
