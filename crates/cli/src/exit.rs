//! What can go wrong, and the exit code that tells programs.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;

use sandbar_client::{ApiError, ClientError, TransportKind};
use sandbar_protocol::PublicState;

use crate::output::Output;
use crate::problem;

/// Something failed.
pub(crate) const FAILURE: u8 = 1;
/// The command line or the configuration is wrong; nothing was done.
pub(crate) const USAGE: u8 = 2;
/// There is no such thing.
pub(crate) const NOT_FOUND: u8 = 3;
/// The key was refused, or does not allow this.
pub(crate) const AUTH: u8 = 4;
/// The sandbox's state does not allow this, or it failed.
pub(crate) const CONFLICT: u8 = 5;
/// A quota, rate limit or disk is used up.
pub(crate) const USED_UP: u8 = 6;
/// The server could not be reached, or failed.
pub(crate) const UNREACHABLE: u8 = 7;
/// No answer in time.
pub(crate) const TIMED_OUT: u8 = 8;
/// A command in a sandbox was killed because its time was over: as `timeout` has it.
pub(crate) const COMMAND_TIMED_OUT: u8 = 124;
/// Nobody reads the output any more: as shells have it for SIGPIPE.
pub(crate) const OUTPUT_CLOSED: u8 = 141;

/// What each code says, for the help and the docs.
pub(crate) const CODES: [(u8, &str); 12] = [
    (0, "done"),
    (FAILURE, "failed"),
    (USAGE, "the command line or the configuration is wrong; nothing was done"),
    (NOT_FOUND, "there is no such sandbox, template or file"),
    (AUTH, "the API key was refused, or does not allow this"),
    (CONFLICT, "the sandbox's state does not allow this, or it failed"),
    (USED_UP, "a quota, rate limit or disk is used up"),
    (UNREACHABLE, "the server could not be reached, or failed"),
    (TIMED_OUT, "no answer in time"),
    (COMMAND_TIMED_OUT, "the command of `exec` was killed after its `--timeout`"),
    (130, "interrupted by Ctrl-C"),
    (OUTPUT_CLOSED, "nobody reads the output any more"),
];

/// What a command could not do, for people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A call failed.
    #[error(transparent)]
    Call(Arc<ClientError>),
    /// Nothing says which server to call.
    #[error("no server is configured, and no engine runs here")]
    NoServer,
    /// There is nothing of that name here.
    #[error("{0}")]
    NotFound(String),
    /// It did not work, and this says all about it.
    #[error("{0}")]
    Failed(String),
    /// Some of several things failed, each with its own code. They were told already.
    #[error("{failed} of {all} failed")]
    Some {
        /// How many.
        failed: usize,
        /// Of how many.
        all: usize,
        /// The exit code of the first.
        code: u8,
    },
    /// A signal ended the command.
    #[error("interrupted{0}")]
    Interrupted(&'static str, nix::sys::signal::Signal),
    /// Nobody reads the output any more.
    #[error("the output is closed")]
    OutputClosed,
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] sandbar_engine::StartError),
    /// The data folder can't be used.
    #[error(transparent)]
    DataDir(#[from] sandbar_engine::DataDirError),
    /// The operating system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The command line asks for something that is not done.
    #[error("{0}")]
    Usage(String),
    /// The program of `dev` could not be started.
    #[error("can't run {program}: {source}")]
    Program {
        /// The program.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        Self::Call(Arc::new(error))
    }
}

impl From<Arc<ClientError>> for CliError {
    fn from(error: Arc<ClientError>) -> Self {
        Self::Call(error)
    }
}

impl CliError {
    /// The operating system refused `what`.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Call(error) => code_of_call(error),
            Self::NoServer | Self::Usage(_) => USAGE,
            Self::NotFound(_) => NOT_FOUND,
            Self::Some { code, .. } => *code,
            // As shells have it.
            Self::Interrupted(_, signal) => u8::try_from(128 + *signal as i32).unwrap_or(FAILURE),
            Self::OutputClosed => OUTPUT_CLOSED,
            Self::Program { source, .. } if source.kind() == std::io::ErrorKind::NotFound => 127,
            Self::Program { .. } => 126,
            Self::Failed(_) | Self::Engine(_) | Self::DataDir(_) | Self::System { .. } => FAILURE,
        }
    }
}

/// The exit code of a call that failed.
pub(crate) fn code_of_call(error: &ClientError) -> u8 {
    match error {
        ClientError::Configuration { .. } | ClientError::Validation(_) => USAGE,
        ClientError::Transport { kind: TransportKind::ConnectTimeout, .. } | ClientError::RequestTimeout { .. } => {
            TIMED_OUT
        }
        ClientError::Transport { .. } | ClientError::InvalidAnswer { .. } => UNREACHABLE,
        ClientError::Api(error) => code_of_answer(error),
        ClientError::NotReady(error) if error.limit.is_some() => TIMED_OUT,
        ClientError::PortClosed(_) => TIMED_OUT,
        ClientError::NotRunning(error) if error.state == Some(PublicState::Deleted) => NOT_FOUND,
        ClientError::NotReady(_) | ClientError::NotRunning(_) => CONFLICT,
        ClientError::LocalFile { .. } | ClientError::CommandFailed(_) | ClientError::NotFollowed { .. } => FAILURE,
    }
}

fn code_of_answer(error: &ApiError) -> u8 {
    match error.status {
        400 | 413 | 422 => USAGE,
        401 | 403 | 407 => AUTH,
        404 | 410 => NOT_FOUND,
        408 | 504 => TIMED_OUT,
        409 => CONFLICT,
        429 | 507 => USED_UP,
        500.. => UNREACHABLE,
        _ => FAILURE,
    }
}

/// The exit code of a command; an error is told on standard error.
pub(crate) fn code(result: Result<u8, CliError>, output: &Output) -> ExitCode {
    result.map(ExitCode::from).unwrap_or_else(|error| {
        problem::tell(&error, output);
        ExitCode::from(error.code())
    })
}

/// The exit code of a command line that is not run: it asks for the help or the version, or is wrong.
pub(crate) fn of_parser(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    let code = match printed {
        Err(source) if source.kind() == ErrorKind::BrokenPipe => OUTPUT_CLOSED,
        Err(_) if !error.use_stderr() => {
            // A standard error that is closed as well can't be reported.
            let _ = writeln!(std::io::stderr(), "error: can't write to standard output");
            FAILURE
        }
        _ if error.use_stderr() => USAGE,
        _ => 0,
    };
    ExitCode::from(code)
}
