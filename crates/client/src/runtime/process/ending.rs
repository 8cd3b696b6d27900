use std::time::Duration;

use sandbar_protocol::RunResponse;
use serde::Serialize;

use super::output::Output;
use super::wire::{End, OutputStream};
use crate::redaction::Redaction;

/// The exit code of what was killed, where nobody knows better: 128 + SIGKILL.
const KILLED: i32 = 137;
/// How much of a failed command's output its error shows, in lines.
const LAST_LINES: usize = 5;
const LONGEST_LINE: usize = 300;

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandResult {
    /// What it printed.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
    /// What its terminal showed, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pty: Option<String>,
    /// Its exit code; 128 + signal if it was killed.
    pub exit_code: i32,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// Why it did not run to its end, or not as asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether something is missing of its output.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// A command that failed, for a caller who takes that for an error.
#[derive(Clone, Debug)]
pub struct CommandFailure {
    /// What it came to.
    pub result: CommandResult,
    /// Why it did not run to its end, without the values of its variables.
    pub reason: Option<String>,
    /// Its last lines, without the values of its variables.
    pub last_lines: String,
    /// The sandbox that it ran in.
    pub sandbox_id: String,
}

impl CommandResult {
    pub(super) fn of(output: &Output, end: &Ending, took: Duration, has_terminal: bool) -> Self {
        let (stdout, was_cut) = output.text(OutputStream::Stdout);
        let (stderr, _) = output.text(OutputStream::Stderr);
        Self {
            stdout,
            stderr,
            pty: has_terminal.then(|| output.text(OutputStream::Pty).0),
            exit_code: end.exit_code,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            error: end.error.clone(),
            truncated: was_cut || end.truncated,
        }
    }

    /// Takes an exit code other than 0, or a command that was killed, for an error.
    pub(in crate::runtime) fn checked(
        self,
        redaction: &Redaction,
        sandbox_id: &str,
    ) -> Result<Self, Box<CommandFailure>> {
        if self.exit_code == 0 {
            return Ok(self);
        }
        let printed = [&self.stderr, &self.stdout].into_iter().find(|text| !text.trim().is_empty());
        let last_lines = last_lines(printed.map_or("", String::as_str), redaction);
        let reason = self.error.as_deref().map(|error| redaction.apply(error));
        Err(Box::new(CommandFailure { result: self, reason, last_lines, sandbox_id: sandbox_id.to_owned() }))
    }
}

impl From<RunResponse> for CommandResult {
    fn from(response: RunResponse) -> Self {
        let RunResponse { stdout, stderr, exit_code, duration_ms, error, truncated } = response;
        Self { stdout, stderr, pty: None, exit_code, duration_ms, error, truncated }
    }
}

impl std::fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the command failed with exit code {}", self.result.exit_code)?;
        if let Some(reason) = &self.reason {
            write!(f, " ({reason})")?;
        }
        match self.last_lines.as_str() {
            "" => f.write_str(" and printed nothing"),
            lines => write!(f, ":\n{lines}"),
        }
    }
}

/// The end of an output. Lines are redacted as a whole, and cut afterwards.
fn last_lines(text: &str, redaction: &Redaction) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    let from = lines.len().saturating_sub(LAST_LINES);
    let short = |line: &&str| redaction.apply(line).chars().take(LONGEST_LINE).collect::<String>();
    lines.get(from..).unwrap_or_default().iter().map(short).collect::<Vec<_>>().join("\n")
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) exit_code: i32,
    pub(super) error: Option<String>,
    /// In the service's words, as `signal: killed`.
    pub(super) status: Option<String>,
    /// Whether the service has lost some of its output.
    pub(super) truncated: bool,
}

impl Ending {
    /// What the end event says by itself; `None` if the exit code has to be asked for.
    pub(super) fn of(end: &End) -> Option<Self> {
        let stated = end.status.as_deref().and_then(exit_status);
        let exit_code = end.exit_code.or(stated).or_else(|| end.exited.unwrap_or(false).then_some(0))?;
        Some(Self { exit_code, ..Self::killed(end) })
    }

    /// As far as the end event tells, without an exit code.
    pub(super) fn killed(end: &End) -> Self {
        let End { error, status, truncated, .. } = end.clone();
        Self { exit_code: KILLED, error, status, truncated }
    }

    /// The same, of a process whose time may have been over.
    pub(super) fn within(mut self, limit_ms: Option<u64>, took: Duration) -> Self {
        let Some(limit) = limit_ms.filter(|limit| took >= Duration::from_millis(*limit)) else { return self };
        let is_told = self.error.as_deref().is_some_and(|error| error.contains("timed out"));
        if self.exit_code == KILLED && !is_told {
            self.error = Some(format!("timed out after {limit} ms and was killed"));
        }
        self
    }
}

/// The number of `exit status 3`.
fn exit_status(status: &str) -> Option<i32> {
    status.strip_prefix("exit status ")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sandbar_protocol::Secret;

    use super::*;

    fn failure(stderr: &str, error: Option<&str>, value: &str) -> String {
        let variables = BTreeMap::from([("A".to_owned(), Secret::new(value))]);
        let result = CommandResult {
            stderr: stderr.to_owned(),
            exit_code: 1,
            error: error.map(str::to_owned),
            ..CommandResult::default()
        };
        result.checked(&Redaction::of_variables(Some(&variables)), "sb-1").unwrap_err().to_string()
    }

    #[test]
    fn message_shows_no_part_of_a_value_that_the_cut_would_leave() {
        let value = "s".repeat(100);
        let line = format!("{}{value}", "x".repeat(LONGEST_LINE - 50));
        assert!(!failure(&line, None, &value).contains('s'.to_string().repeat(10).as_str()));
    }

    #[test]
    fn message_shows_no_line_of_a_value() {
        let key = "-----BEGIN-----\nfirst-line\nsecond-line\nthird-line\n-----END-----\n";
        // Only its end is among the last lines.
        let message = failure(&format!("{key}\none\ntwo\n"), None, key);
        assert!(!message.contains("-line") && !message.contains("END"), "{message}");
    }

    #[test]
    fn message_shows_no_value_in_its_reason() {
        assert!(failure("", Some("no such folder /hush"), "/hush").contains("(no such folder [redacted])"));
    }
}
