use sandbar_protocol::{Fields, ValidationError, bare_kind};
use serde_json::{Value, json};

use super::context::check_id;
use super::execution::CodeCall;
use super::language::{Language, Way};
use crate::runtime::run::{MAX_TIMEOUT_MS, variables};
use crate::{Args, CallOptions};

const RUN_FIELDS: [&str; 5] = ["language", "context", "cwd", "envs", "timeoutMs"];

/// What a context is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateContextCall {
    pub(super) cwd: Option<String>,
}

/// A context that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextCall {
    /// Its ID.
    pub context_id: String,
}

impl Args {
    /// Arguments of code that is run: `code`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn run_code(&self) -> Result<(CodeCall, CallOptions), ValidationError> {
        let (options, call) = self.options()?;
        let fields = Fields::of("code options", &options, &RUN_FIELDS)?;
        let language = Language::named(fields.text("language")?)?;
        let context = fields.get("context").map(context).transpose()?;
        if context.is_some() && language.way != Way::Context {
            return Err(only_python("context", language));
        }
        let code = match self.get("code") {
            Some(Value::String(code)) => code.clone(),
            other => {
                let kind = other.map_or("nothing", bare_kind);
                return Err(ValidationError::new("code", format!("`code` must be a string, got {kind}")));
            }
        };
        let code = CodeCall {
            code,
            language,
            context,
            cwd: folder(&fields)?,
            envs: variables(&fields)?,
            timeout_ms: fields.integer("timeoutMs", 1, MAX_TIMEOUT_MS, "milliseconds")?,
        };
        Ok((code, call))
    }

    /// Arguments of a context that is made: options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn create_code_context(&self) -> Result<(CreateContextCall, CallOptions), ValidationError> {
        let (options, call) = self.options()?;
        let fields = Fields::of("context options", &options, &["language", "cwd"])?;
        let language = Language::named(fields.text("language")?)?;
        if language.way != Way::Context {
            return Err(only_python("language", language));
        }
        Ok((CreateContextCall { cwd: folder(&fields)? }, call))
    }

    /// Arguments of a call on a context: `context`, its ID or itself.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn of_code_context(&self) -> Result<(ContextCall, CallOptions), ValidationError> {
        let context_id = context(self.get("context").unwrap_or(&Value::Null))?;
        Ok((ContextCall { context_id }, self.account()?))
    }
}

fn context(value: &Value) -> Result<String, ValidationError> {
    let id = match value {
        Value::Object(map) => map.get("contextId").unwrap_or(&Value::Null),
        other => other,
    };
    let fields = json!({ "context": id });
    let fields = Fields::of("the context", &fields, &["context"])?;
    check_id(fields.text("context")?.unwrap_or_default()).map(str::to_owned)
}

/// `cwd`, as a system can take it.
fn folder(fields: &Fields<'_>) -> Result<Option<String>, ValidationError> {
    match fields.text("cwd")? {
        Some(cwd) if cwd.contains('\0') => {
            let message = format!("`cwd` has a NUL character in it ({cwd:?}): no folder can have one");
            Err(ValidationError::new("cwd", message))
        }
        cwd => Ok(cwd.map(str::to_owned)),
    }
}

fn only_python(field: &str, language: Language) -> ValidationError {
    let name = language.name;
    let message =
        format!("code in {name} has no context that keeps its variables: only Python has. Leave `{field}` out");
    ValidationError::new(field, message)
}
