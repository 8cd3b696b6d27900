use sandbar_protocol::{FOREIGN_VALUE_KEY, ValidationError, bare_kind, kind_of};
use serde_json::Value;

use crate::Args;

const WAY_OUT: &str = "pass an absolute path, or one relative to the workspace, as \"notes.txt\"";

/// A path in a sandbox. What else is wrong with one, the sandbox knows.
pub(crate) fn remote_path(args: &Args, field: &str) -> Result<String, ValidationError> {
    check(args.get(field), field)
}

pub(super) fn check(value: Option<&Value>, field: &str) -> Result<String, ValidationError> {
    let refuse = |message: String| Err(ValidationError::new(field, message));
    match value {
        None => refuse(format!("`{field}` is missing: {WAY_OUT}")),
        Some(Value::String(path)) if path.is_empty() => refuse(format!("`{field}` is empty: {WAY_OUT}")),
        Some(Value::String(path)) if path.contains('\0') => {
            refuse(format!("`{field}` has a NUL character in it ({path:?}): no file can have such a name"))
        }
        Some(Value::String(path)) => Ok(path.clone()),
        Some(other) if other.get(FOREIGN_VALUE_KEY).is_some() => {
            refuse(format!("`{field}` must be a string, got {}: {WAY_OUT}", bare_kind(other)))
        }
        Some(other) => refuse(format!("`{field}` must be a string, got {}: {WAY_OUT}", kind_of(other))),
    }
}
