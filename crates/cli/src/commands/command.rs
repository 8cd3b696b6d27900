//! A command in a sandbox: what it is started with, and what its end says.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use sandbar_client::{
    Args, CallOptions, Client, ClientError, CommandResult, DEFAULT_KEEP_ALIVE, KeepAliveCall, Process, PtySize,
    StartCall,
};
use serde_json::{Map, Value, json};

use super::variables::Variables;
use crate::exit::{COMMAND_TIMED_OUT, CliError, FAILURE};

/// How long a kill is waited for whose sandbox may be out of reach.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Options of everything that is started in a sandbox.
#[derive(clap::Args)]
pub(super) struct CommandArgs {
    /// Folder in the sandbox to start in [default: the workspace]
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// User in the sandbox to run as, where it has more than root
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    variables: Variables,
    /// Keep the sandbox alive meanwhile: it has 100 to 300 s left at any time
    #[arg(long)]
    keep_alive: bool,
}

impl CommandArgs {
    /// A command without a terminal. One word is a shell command line; more are a program and its arguments.
    pub(super) fn start(&self, words: &[String], timeout: Option<u64>, stdin: bool) -> Result<StartCall, CliError> {
        let mut options = self.options(words)?;
        options.insert("stdin".to_owned(), stdin.into());
        options.extend(timeout.map(|seconds| ("timeoutMs".to_owned(), (seconds * 1000).into())));
        Ok(arguments(words, options)?.start().map_err(ClientError::from)?)
    }

    /// The same in a terminal; without words, a shell.
    pub(super) fn in_terminal(
        &self,
        words: &[String],
        timeout: Option<u64>,
        size: PtySize,
    ) -> Result<StartCall, CliError> {
        let mut options = self.options(words)?;
        options.insert("size".to_owned(), json!({ "cols": size.cols, "rows": size.rows }));
        options.extend(timeout.map(|seconds| ("timeoutMs".to_owned(), (seconds * 1000).into())));
        Ok(arguments(words, options)?.create_pty().map_err(ClientError::from)?)
    }

    /// The same for a person who connects: a shell that has no prompt of its own shows the sandbox and the folder.
    pub(super) fn shell(&self, words: &[String], sandbox_id: &str, size: PtySize) -> Result<StartCall, CliError> {
        let mut options = self.options(words)?;
        if words.is_empty()
            && let Some(variables) = options.get_mut("envs").and_then(Value::as_object_mut)
        {
            let sign = if self.user.as_deref().is_none_or(|user| user == "root") { '#' } else { '$' };
            variables.entry("PS1").or_insert_with(|| prompt(sandbox_id, sign).into());
        }
        options.insert("size".to_owned(), json!({ "cols": size.cols, "rows": size.rows }));
        Ok(arguments(words, options)?.create_pty().map_err(ClientError::from)?)
    }

    /// Awaits work in a sandbox, which is kept alive meanwhile if that was asked for.
    pub(super) async fn within<T>(&self, sandbox_id: &str, client: &Client, work: impl Future<Output = T>) -> T {
        if !self.keep_alive {
            return work.await;
        }
        let keep = KeepAliveCall { sandbox_id: sandbox_id.to_owned(), duration: DEFAULT_KEEP_ALIVE };
        let keeping = pin!(client.keep_alive(&keep, CallOptions::default(), |_| ()));
        match select(pin!(work), keeping).await {
            Either::Left((outcome, _)) => outcome,
            // It has ended, or can't be refreshed: the work tells of that when it comes to it.
            Either::Right((_, work)) => work.await,
        }
    }

    fn options(&self, words: &[String]) -> Result<Map<String, Value>, CliError> {
        let given = [("cwd", &self.cwd), ("user", &self.user)].into_iter();
        let given = given.filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())));
        let mut options: Map<String, Value> = given.collect();
        options.insert("envs".to_owned(), json!(self.variables.read()?));
        if let [_, args @ ..] = words
            && !args.is_empty()
        {
            options.insert("args".to_owned(), json!(args));
        }
        Ok(options)
    }
}

/// Every POSIX shell expands `$PWD`; the escapes of bash mean nothing to the others.
fn prompt(sandbox_id: &str, sign: char) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    format!("{}:$PWD{sign} ", sandbox_id.chars().filter(|c| is_plain(*c)).collect::<String>())
}

fn arguments(words: &[String], options: Map<String, Value>) -> Result<Args, ClientError> {
    let arguments = json!({ "cmd": words.first(), "options": options });
    Ok(Args::parse(&arguments.to_string())?)
}

/// The exit code that the command line passes on.
pub(super) fn exit_code(result: &CommandResult) -> u8 {
    // No field tells it: its clock began in the sandbox, so ours can't.
    if result.error.as_deref().is_some_and(|error| error.starts_with("timed out")) {
        return COMMAND_TIMED_OUT;
    }
    u8::try_from(result.exit_code).unwrap_or(FAILURE)
}

/// Kills what runs, and waits until that is done.
pub(crate) async fn kill(process: Process, client: &Client) {
    process.doom();
    drop(process);
    // One that can't be reached runs on: there is nothing more to do here.
    let _ = tokio::time::timeout(KILL_LIMIT, client.settled()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_whose_time_is_over_has_an_exit_code_of_its_own() {
        let killed = |error: &str| {
            exit_code(&CommandResult { exit_code: 137, error: Some(error.to_owned()), ..CommandResult::default() })
        };
        assert_eq!(killed("timed out after 2000 ms and was killed"), 124);
        assert_eq!(killed("killed by SIGKILL"), 137, "somebody else killed it");
        assert_eq!(exit_code(&CommandResult { exit_code: -1, ..CommandResult::default() }), 1);
    }
}
