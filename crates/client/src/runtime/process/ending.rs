use std::collections::BTreeMap;
use std::time::Duration;

use sandbar_protocol::{RunResponse, Secret};
use serde::Serialize;

use super::output::Output;
use super::wire::{End, OutputStream};

/// The exit code of what was killed, where nobody knows better: 128 + SIGKILL.
const KILLED: i32 = 137;
/// How much of a failed command's output its error shows, in lines.
const LAST_LINES: usize = 5;
const LONGEST_LINE: usize = 300;
/// A value that is shorter stands in every output by chance.
const SHORTEST_SECRET: usize = 4;

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
    /// Whether only the newest of its output was kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// A command that failed, for a caller who takes that for an error.
#[derive(Clone, Debug)]
pub struct CommandFailure {
    /// What it came to.
    pub result: CommandResult,
    /// Its last lines.
    pub last_lines: String,
    /// The sandbox that it ran in.
    pub sandbox_id: String,
}

/// Values that no message may show, where they stand in a command's output.
#[derive(Clone, Debug, Default)]
pub(in crate::runtime) struct Redacted(Vec<Secret>);

impl Redacted {
    pub(in crate::runtime) fn values(variables: Option<&BTreeMap<String, Secret>>) -> Self {
        Self(variables.into_iter().flatten().map(|(_, value)| value.clone()).collect())
    }

    fn apply(&self, text: &str) -> String {
        let values = self.0.iter().map(Secret::expose).filter(|value| value.len() >= SHORTEST_SECRET);
        values.fold(text.to_owned(), |text, value| text.replace(value, "[redacted]"))
    }
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
            truncated: was_cut,
        }
    }

    /// Takes an exit code other than 0, or a command that was killed, for an error.
    pub(in crate::runtime) fn checked(
        self,
        redacted: &Redacted,
        sandbox_id: &str,
    ) -> Result<Self, Box<CommandFailure>> {
        if self.exit_code == 0 {
            return Ok(self);
        }
        let printed = [&self.stderr, &self.stdout].into_iter().find(|text| !text.trim().is_empty());
        let last_lines = redacted.apply(&last_lines(printed.map_or("", String::as_str)));
        Err(Box::new(CommandFailure { result: self, last_lines, sandbox_id: sandbox_id.to_owned() }))
    }
}

impl From<RunResponse> for CommandResult {
    fn from(response: RunResponse) -> Self {
        let RunResponse { stdout, stderr, exit_code, duration_ms, error } = response;
        Self { stdout, stderr, pty: None, exit_code, duration_ms, error, truncated: false }
    }
}

impl std::fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the command failed with exit code {}", self.result.exit_code)?;
        if let Some(error) = &self.result.error {
            write!(f, " ({error})")?;
        }
        match self.last_lines.as_str() {
            "" => f.write_str(" and printed nothing"),
            lines => write!(f, ":\n{lines}"),
        }
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    let from = lines.len().saturating_sub(LAST_LINES);
    let short = |line: &&str| line.chars().take(LONGEST_LINE).collect::<String>();
    lines.get(from..).unwrap_or_default().iter().map(short).collect::<Vec<_>>().join("\n")
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) exit_code: i32,
    pub(super) error: Option<String>,
    /// In the service's words, as `signal: killed`.
    pub(super) status: Option<String>,
}

impl Ending {
    /// What the end event says by itself; `None` if the exit code has to be asked for.
    pub(super) fn of(end: &End) -> Option<Self> {
        let stated = end.status.as_deref().and_then(exit_status);
        let exit_code = end.exit_code.or(stated).or_else(|| end.exited.unwrap_or(false).then_some(0))?;
        Some(Self { exit_code, error: end.error.clone(), status: end.status.clone() })
    }

    /// As far as the end event tells, without an exit code.
    pub(super) fn killed(end: &End) -> Self {
        Self { exit_code: KILLED, error: end.error.clone(), status: end.status.clone() }
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
