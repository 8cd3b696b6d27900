use serde_json::Value;

use crate::fields::kind_of;

/// A request that the contract refuses. The message names the field, what was found and the way out; it never repeats
/// the value of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValidationError {
    /// The field on the wire, as `timeout` or `envVars.FOO`.
    pub field: String,
    /// The whole sentence.
    pub message: String,
}

impl ValidationError {
    /// An error about `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

const MAX_NAME_CHARS: usize = 128;
/// The longest idempotency key.
const MAX_KEY_BYTES: usize = 255;

/// Checks a template reference: `base`, `code-interpreter`, `tpl-…`; a letter or digit, then letters, digits, `.`, `_`, `-`, at most 128.
pub fn check_template_id(value: &Value) -> Result<&str, ValidationError> {
    let error = |text: String| ValidationError::new("templateID", text);
    let way_out = "pass a template's name, as \"base\", \"code-interpreter\" or \"tpl-…\"";
    let Some(name) = value.as_str() else {
        return Err(error(format!("`templateID` must be a string, got {}: {way_out}", kind_of(value))));
    };
    if name.is_empty() {
        return Err(error(format!("`templateID` is empty: {way_out}")));
    }
    if name.chars().count() > MAX_NAME_CHARS {
        let length = name.chars().count();
        return Err(error(format!(
            "`templateID` must have at most {MAX_NAME_CHARS} characters, got {length}: {way_out}"
        )));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(plain) {
        return Err(error(format!(
            "`templateID` may hold letters, digits, `.`, `_` and `-`, and starts with a letter or digit, got {name:?}: {way_out}"
        )));
    }
    Ok(name)
}

/// Checks an idempotency key: 1 to 255 visible ASCII characters.
pub fn check_idempotency_key(key: &str) -> Result<&str, ValidationError> {
    if (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(key);
    }
    let message = format!("`idempotencyKey` must have 1 to {MAX_KEY_BYTES} visible ASCII characters, as a UUID");
    Err(ValidationError::new("idempotencyKey", message))
}

/// Checks a sandbox ID: letters, digits, `_` and `-`, at most 128, so that it can stand in a path.
pub fn check_sandbox_id(value: &Value) -> Result<&str, ValidationError> {
    let error = |text: String| ValidationError::new("sandboxID", text);
    let way_out = "pass the `sandboxId` of a created or listed sandbox";
    let Some(id) = value.as_str() else {
        return Err(error(format!("`sandboxID` must be a string, got {}: {way_out}", kind_of(value))));
    };
    if id.is_empty() {
        return Err(error(format!("`sandboxID` is empty: {way_out}")));
    }
    if is_sandbox_id(id) {
        return Ok(id);
    }
    if id.chars().count() > MAX_NAME_CHARS {
        let length = id.chars().count();
        return Err(error(format!(
            "`sandboxID` must have at most {MAX_NAME_CHARS} characters, got {length}: {way_out}"
        )));
    }
    Err(error(format!("`sandboxID` may hold letters, digits, `_` and `-`, got {id:?}: {way_out}")))
}

/// Whether a text can be a sandbox's ID, whoever it comes from: 1 to 128 letters, digits, `_` and `-`.
pub(crate) fn is_sandbox_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_NAME_CHARS).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn template_names_are_checked() {
        for good in ["base", "code-interpreter", "tpl-1_a.b"] {
            assert_eq!(check_template_id(&json!(good)).unwrap(), good);
        }
        let message = |value: Value| check_template_id(&value).unwrap_err().message;
        assert!(message(json!("")).starts_with("`templateID` is empty: pass a template's name"));
        assert!(message(json!(7)).starts_with("`templateID` must be a string, got a number (7)"));
        assert!(message(json!("../etc")).contains("got \"../etc\""));
        assert!(message(json!("a\nb")).contains(r#"got "a\nb""#));
        assert!(message(json!("x".repeat(5000))).contains("at most 128 characters, got 5000"));
    }

    #[test]
    fn sandbox_ids_cannot_leave_their_place_in_a_path() {
        assert_eq!(check_sandbox_id(&json!("sb_7-A")).unwrap(), "sb_7-A");
        let message = |value: Value| check_sandbox_id(&value).unwrap_err().message;
        assert!(message(json!("a/../b")).contains("may hold letters, digits"));
        assert!(message(json!(null)).starts_with("`sandboxID` must be a string, got null"));
        assert!(message(json!("")).starts_with("`sandboxID` is empty"));
    }
}
