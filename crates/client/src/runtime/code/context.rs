use sandbar_protocol::ValidationError;
use serde::Serialize;

/// Where Python code runs, and keeps its variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeContext {
    /// What it is called by.
    pub context_id: String,
    /// Its language.
    pub language: &'static str,
    /// Where it was started, if that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

impl CodeContext {
    pub(super) fn python(context_id: &str, cwd: Option<String>) -> Self {
        Self { context_id: context_id.to_owned(), language: "python", cwd }
    }
}

/// A context's ID stands in a process's tag.
pub(super) fn check_id(id: &str) -> Result<&str, ValidationError> {
    let is_id = (1..=64).contains(&id.len())
        && id.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    if is_id {
        return Ok(id);
    }
    let message = "`context` has no context's ID: pass what createCodeContext() or listCodeContexts() gave";
    Err(ValidationError::new("context", message))
}
