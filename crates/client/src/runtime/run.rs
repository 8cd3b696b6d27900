//! Commands that run to their end in one call.

use std::collections::BTreeMap;
use std::time::Duration;

use sandbar_protocol::{Fields, RunRequest, RunResponse, Secret, ValidationError, bare_kind};
use serde_json::Value;

use super::Runtime;
use super::call::RuntimeRequest;
use super::process::{CommandResult, as_user, user};
use crate::answer::RawAnswer;
use crate::error::Awaited;
use crate::redaction::Redaction;
use crate::{Answer, Args, CallOptions, ClientError};

const FIELDS: [&str; 8] = ["args", "cwd", "envs", "timeoutMs", "user", "stdin", "background", "check"];
/// The longest that a command may be given, in milliseconds: a day.
pub(super) const MAX_TIMEOUT_MS: u64 = 86_400_000;

impl Runtime {
    /// Runs a command to its end. A command that fails is a result, not an error; one that is given up by dropping the
    /// future is killed with all it has started.
    ///
    /// It may take as long as it takes, unless `request.timeout_ms` or the call's request timeout says otherwise: for as
    /// long as the runtime answers probes. A time limit of the command counts here as well, with 5 s for its end to arrive.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST {envdUrl}/run`.
    pub async fn run(&self, request: &RunRequest, call: &CallOptions) -> Result<Answer<RunResponse>, ClientError> {
        let sent = RuntimeRequest::post("/run").json(request).not_twice();
        let Some(limit) = limit_of(request) else { return self.send_probed(sent, call, RawAnswer::object).await };
        let most = limit.saturating_add(self.silence().grace);
        let outcome = self.send_probed(sent, &call.within(most), RawAnswer::object).await;
        let is_own = call.request_timeout.is_none_or(|own| own > most);
        outcome.map_err(|error| if is_own { overdue(error, limit) } else { error })
    }

    /// The same, with what is done here about its outcome.
    ///
    /// # Errors
    /// As every call; [`ClientError::CommandFailed`] if it was to be checked, and failed.
    ///
    /// Route: `POST {envdUrl}/run`.
    pub async fn run_command(&self, run: &RunCall, call: &CallOptions) -> Result<CommandResult, ClientError> {
        let result = CommandResult::from(self.run(&run.request, call).await?.value);
        if !run.check {
            return Ok(result);
        }
        let redaction = Redaction::of_variables(run.request.env.as_ref());
        result.checked(&redaction, self.sandbox_id()).map_err(ClientError::CommandFailed)
    }
}

/// How long a command may run.
fn limit_of(request: &RunRequest) -> Option<Duration> {
    let seconds = request.timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    request.timeout_ms.map(Duration::from_millis).or(seconds).filter(|limit| !limit.is_zero())
}

/// The error of a command whose own time limit has passed.
fn overdue(error: ClientError, limit: Duration) -> ClientError {
    match error {
        ClientError::RequestTimeout { causes, call, .. } => {
            ClientError::RequestTimeout { limit, awaited: Awaited::CommandEnd, causes, call }
        }
        other => other,
    }
}

/// A command, and whether its failure is an error.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunCall {
    /// The command.
    pub request: RunRequest,
    /// Whether an exit code other than 0 is an error.
    pub check: bool,
}

impl Args {
    /// Arguments of run: `cmd`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn run(&self) -> Result<(RunCall, CallOptions), ValidationError> {
        let (options, call) = self.options()?;
        let fields = Fields::of("command options", &options, &FIELDS)?;
        let timeout_ms = fields.integer("timeoutMs", 1, MAX_TIMEOUT_MS, "milliseconds")?;
        let check = fields.boolean("check")? == Some(true);
        // True is for commands that are followed.
        fields.boolean("background")?;
        let (cmd, args) = as_user(command(self.get("cmd"))?, arguments(&fields)?, user(&fields)?);
        let request = RunRequest {
            cmd,
            args,
            cwd: fields.text("cwd")?.map(str::to_owned),
            env: variables(&fields)?,
            timeout_ms,
            timeout: None,
            stdin: fields.text("stdin")?.map(str::to_owned),
        };
        Ok((RunCall { request, check }, call))
    }
}

/// A command line, or a program.
pub(super) fn command(value: Option<&Value>) -> Result<String, ValidationError> {
    let refuse = |message: String| Err(ValidationError::new("cmd", message));
    match value {
        Some(Value::String(text)) if text.contains('\0') => {
            refuse(format!("`cmd` has a NUL character in it ({text:?}): no command can have one"))
        }
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
        Some(Value::String(_)) => refuse("`cmd` is empty: pass a command line, as `ls -l`".to_owned()),
        None => refuse("`cmd` is missing: pass a command line, as `ls -l`".to_owned()),
        Some(other) => refuse(format!("`cmd` must be a string, got {}: pass a command line", bare_kind(other))),
    }
}

/// `args`: with them, the command is a program that is executed without a shell.
pub(super) fn arguments(fields: &Fields<'_>) -> Result<Option<Vec<String>>, ValidationError> {
    let Some(value) = fields.get("args") else { return Ok(None) };
    let wrong = |name: String, value: &Value| {
        let message = format!("`{name}` must be a string, got {}: convert it, as String(value)", bare_kind(value));
        ValidationError::new(name, message)
    };
    let Some(values) = value.as_array() else {
        let message = format!("`args` must be an array of strings, got {}", bare_kind(value));
        return Err(ValidationError::new("args", message));
    };
    let texts = values.iter().enumerate().map(|(index, value)| match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(wrong(format!("args[{index}]"), value)),
    });
    texts.collect::<Result<_, _>>().map(Some)
}

/// `envs`: variables on top of the sandbox's own. Values are never repeated.
pub(super) fn variables(fields: &Fields<'_>) -> Result<Option<BTreeMap<String, Secret>>, ValidationError> {
    let Some(all) = fields.string_map("envs")? else { return Ok(None) };
    let checked = all.into_iter().map(|(name, value)| {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let field = format!("envs.{}", name.escape_debug());
            let message =
                format!("`{field}` can't be a variable: a name is not empty, and has no `=`, and nothing has a NUL");
            return Err(ValidationError::new(field, message));
        }
        Ok((name, Secret::new(value)))
    });
    checked.collect::<Result<_, _>>().map(Some)
}
