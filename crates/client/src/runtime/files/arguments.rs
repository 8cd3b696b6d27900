//! The arguments of calls about files: `path`, and options.

use std::time::Duration;

use sandbar_protocol::{Fields, ValidationError, bare_kind};
use serde_json::Value;

use super::path::{check, remote_path};
use crate::{Args, CallOptions};

/// Deeper than any file system goes: paths have at most 4,095 bytes.
const MAX_DEPTH: u64 = 4_096;
/// The largest number that JavaScript counts to exactly.
const MAX_BYTES: u64 = (1 << 53) - 1;
const MAX_WATCH_MS: u64 = 86_400_000;
const MAX_MODE: u64 = 0o7777;

/// The arguments of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCall {
    /// The directory.
    pub path: String,
    /// How many levels down.
    pub depth: u32,
}

/// The arguments of a read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadCall {
    /// The file.
    pub path: String,
    /// Where to begin, in bytes.
    pub offset: u64,
    /// The most bytes to read; all of them if absent.
    pub length: Option<u64>,
}

/// The arguments of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteCall {
    /// The file.
    pub path: String,
    /// Its permission bits; those that it has, or 0o644, if absent.
    pub mode: Option<u32>,
    /// How many bytes will come, if that is known.
    pub size: Option<u64>,
}

/// The arguments of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameCall {
    /// Where it is.
    pub from: String,
    /// Where it is to be.
    pub to: String,
}

/// The arguments of an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditCall {
    /// The file.
    pub path: String,
    /// Text that stands in it once.
    pub old: String,
    /// Text for its place.
    pub new: String,
}

/// The arguments of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchCall {
    /// The directory.
    pub path: String,
    /// Whether directories in it are watched as well.
    pub recursive: bool,
    /// How long; until it is dropped if absent.
    pub limit: Option<Duration>,
}

impl Args {
    /// Arguments of calls about one path without options of their own.
    ///
    /// # Errors
    /// [`ValidationError`], as every method in here.
    pub fn file(&self) -> Result<(String, CallOptions), ValidationError> {
        let path = remote_path(self, "path")?;
        let (options, call) = self.options()?;
        Fields::of("these options", &options, &[])?;
        Ok((path, call))
    }

    /// Arguments of list.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn list_dir(&self) -> Result<(ListCall, CallOptions), ValidationError> {
        let path = remote_path(self, "path")?;
        let (options, call) = self.options()?;
        let fields = Fields::of("list options", &options, &["depth"])?;
        let depth = fields.integer("depth", 1, MAX_DEPTH, "levels")?.and_then(|depth| depth.try_into().ok());
        Ok((ListCall { path, depth: depth.unwrap_or(1) }, call))
    }

    /// Arguments of read.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn read_file(&self) -> Result<(ReadCall, CallOptions), ValidationError> {
        let path = remote_path(self, "path")?;
        let (options, call) = self.options()?;
        let fields = Fields::of("read options", &options, &["format", "offset", "length"])?;
        fields.word("format", &["text", "bytes", "blob", "stream"])?;
        let offset = fields.integer("offset", 0, MAX_BYTES, "bytes")?.unwrap_or_default();
        let length = fields.integer("length", 0, MAX_BYTES, "bytes")?;
        Ok((ReadCall { path, offset, length }, call))
    }

    /// Arguments of write; `size` stands beside the path.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn write_file(&self) -> Result<(WriteCall, CallOptions), ValidationError> {
        let path = remote_path(self, "path")?;
        let (options, call) = self.options()?;
        let mode = mode_in(&Fields::of("write options", &options, &["mode"])?)?;
        Ok((WriteCall { path, mode, size: self.get("size").and_then(Value::as_u64) }, call))
    }

    /// Arguments of write_files: an array of `{path, mode?}` under `files`.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn write_files(&self) -> Result<(Vec<WriteCall>, CallOptions), ValidationError> {
        let (options, call) = self.options()?;
        Fields::of("these options", &options, &[])?;
        let files = self.get("files").unwrap_or(&Value::Null);
        let Some(files) = files.as_array() else {
            let message = format!("`files` must be an array of {{path, data}}, got {}", bare_kind(files));
            return Err(ValidationError::new("files", message));
        };
        let each = files.iter().enumerate().map(|(index, file)| {
            let what = format!("files[{index}]");
            let fields = Fields::of(&what, file, &["path", "mode"])?;
            let path = check(fields.get("path"), &format!("{what}.path"))?;
            Ok(WriteCall { path, mode: mode_in(&fields)?, size: None })
        });
        Ok((each.collect::<Result<_, _>>()?, call))
    }

    /// Arguments of rename: `oldPath` and `newPath`.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn rename_file(&self) -> Result<(RenameCall, CallOptions), ValidationError> {
        let (from, to) = (remote_path(self, "oldPath")?, remote_path(self, "newPath")?);
        let (options, call) = self.options()?;
        Fields::of("these options", &options, &[])?;
        Ok((RenameCall { from, to }, call))
    }

    /// Arguments of edit: `path`, `oldText` and `newText`.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn edit_file(&self) -> Result<(EditCall, CallOptions), ValidationError> {
        let path = remote_path(self, "path")?;
        let (old, new) = (text(self, "oldText")?, text(self, "newText")?);
        if old.is_empty() {
            let message = "`oldText` is empty: pass the text that is to be replaced";
            return Err(ValidationError::new("oldText", message));
        }
        let (options, call) = self.options()?;
        Fields::of("these options", &options, &[])?;
        Ok((EditCall { path, old, new }, call))
    }

    /// Arguments of watch_dir.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn watch_dir(&self) -> Result<(WatchCall, CallOptions), ValidationError> {
        let path = remote_path(self, "path")?;
        let (options, call) = self.options()?;
        let fields = Fields::of("watch options", &options, &["recursive", "timeoutMs"])?;
        let recursive = fields.boolean("recursive")?.unwrap_or_default();
        let limit = fields.integer("timeoutMs", 0, MAX_WATCH_MS, "milliseconds")?.filter(|limit| *limit > 0);
        Ok((WatchCall { path, recursive, limit: limit.map(Duration::from_millis) }, call))
    }
}

fn mode_in(fields: &Fields<'_>) -> Result<Option<u32>, ValidationError> {
    Ok(fields.integer("mode", 0, MAX_MODE, "(0o7777)")?.and_then(|mode| mode.try_into().ok()))
}

fn text(args: &Args, name: &str) -> Result<String, ValidationError> {
    let refuse = |got: &str| ValidationError::new(name, format!("`{name}` must be a string, got {got}"));
    match args.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(refuse(bare_kind(other))),
        None => Err(refuse("undefined")),
    }
}
