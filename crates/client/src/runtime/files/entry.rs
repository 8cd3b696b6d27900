use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What stands at a path in a sandbox. What the runtime does not tell is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntryInfo {
    /// The last part of the path.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: EntryKind,
    /// Where it is.
    pub path: String,
    /// In bytes.
    #[serde(deserialize_with = "whole_number")]
    pub size: u64,
    /// Permission bits, as 0o644.
    pub mode: u32,
    /// The same as `ls -l` shows them, as `-rw-r--r--`.
    pub permissions: String,
    /// The user it belongs to.
    pub owner: String,
    /// The group it belongs to.
    pub group: String,
    /// When its content last changed, as RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_time: Option<String>,
    /// Where a symlink leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symlink_target: Option<String>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A regular file.
    #[serde(rename(serialize = "file", deserialize = "FILE_TYPE_FILE"))]
    File,
    /// A directory.
    #[serde(rename(serialize = "dir", deserialize = "FILE_TYPE_DIRECTORY"))]
    Dir,
    /// A symlink, wherever it leads.
    #[serde(rename(serialize = "symlink", deserialize = "FILE_TYPE_SYMLINK"))]
    Symlink,
    /// A pipe, a socket, a device, or what later runtimes may know.
    #[default]
    #[serde(rename(serialize = "other"), other)]
    Other,
}

/// Protocol buffers write large numbers as strings.
fn whole_number<'de, D: Deserializer<'de>>(source: D) -> Result<u64, D::Error> {
    Ok(match Value::deserialize(source)? {
        Value::Number(number) => number.as_u64().unwrap_or_default(),
        Value::String(text) => text.parse().unwrap_or_default(),
        _ => 0,
    })
}

/// The answer of calls about one path.
#[derive(Deserialize)]
pub(super) struct EntryResponse {
    pub(super) entry: EntryInfo,
}

/// The answer of `ListDir`.
#[derive(Deserialize)]
pub(super) struct ListResponse {
    #[serde(default)]
    pub(super) entries: Vec<EntryInfo>,
}
