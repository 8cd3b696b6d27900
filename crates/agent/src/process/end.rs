use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::Serialize;

use crate::command::exit_code;

/// How a process ended, in the words of the `end` event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct End {
    /// As shells have it: 128 + signal for a process that was killed.
    pub(crate) exit_code: i32,
    /// It came to its end by itself.
    pub(crate) exited: bool,
    /// `exit status 0`, or `signal: killed`.
    pub(crate) status: String,
    /// Why it was killed, or what is missing of its output.
    pub(crate) error: Option<String>,
    /// Whether something is missing of its output.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) truncated: bool,
}

impl End {
    /// `killed_after` is the time limit that ended it.
    pub(crate) fn new(status: &std::io::Result<ExitStatus>, killed_after: Option<Duration>) -> Self {
        let ended = match status {
            Ok(status) => Self::of(*status),
            Err(error) => Self {
                exit_code: -1,
                exited: false,
                status: "unknown".to_owned(),
                error: Some(format!("its end is not known: {error}")),
                truncated: false,
            },
        };
        match killed_after {
            Some(limit) => Self { error: Some(timed_out(limit)), ..ended },
            None => ended,
        }
    }

    fn of(status: ExitStatus) -> Self {
        let exit_code = exit_code(status);
        let Some(number) = status.signal() else {
            let status = format!("exit status {exit_code}");
            return Self { exit_code, exited: true, status, error: None, truncated: false };
        };
        let signal = Signal::try_from(number);
        let error = signal.map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned());
        let status = format!("signal: {}", signal.map_or("unknown", word));
        Self { exit_code, exited: false, status, error: Some(format!("killed by {error}")), truncated: false }
    }
}

/// What is said of a command whose time is over.
pub(crate) fn timed_out(limit: Duration) -> String {
    format!("timed out after {} ms and was killed", limit.as_millis())
}

/// The words that clients know from the public service.
fn word(signal: Signal) -> &'static str {
    match signal {
        Signal::SIGABRT => "aborted",
        Signal::SIGALRM => "alarm clock",
        Signal::SIGBUS => "bus error",
        Signal::SIGFPE => "floating point exception",
        Signal::SIGHUP => "hangup",
        Signal::SIGILL => "illegal instruction",
        Signal::SIGINT => "interrupt",
        Signal::SIGKILL => "killed",
        Signal::SIGPIPE => "broken pipe",
        Signal::SIGQUIT => "quit",
        Signal::SIGSEGV => "segmentation fault",
        Signal::SIGSYS => "bad system call",
        Signal::SIGTERM => "terminated",
        Signal::SIGTRAP => "trace/breakpoint trap",
        other => other.as_str(),
    }
}
