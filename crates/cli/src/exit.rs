use std::io::Write;
use std::process::ExitCode;

/// What a command could not do, for people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
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

impl CliError {
    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            // As shells have it.
            Self::Program { source, .. } if source.kind() == std::io::ErrorKind::NotFound => 127,
            Self::Program { .. } => 126,
            _ => 1,
        }
    }
}

/// The exit code of a command; an error is told on standard error.
pub(crate) fn code(result: Result<u8, CliError>) -> ExitCode {
    result.map(ExitCode::from).unwrap_or_else(|error| {
        // Nothing is left to tell a closed standard error.
        let _ = writeln!(std::io::stderr(), "sandbar: {error}");
        if matches!(error, CliError::Engine(_) | CliError::DataDir(_)) {
            let hint =
                "`sandbar doctor`, with the same --listen and --data-dir, looks for the cause and says how to mend it";
            let _ = writeln!(std::io::stderr(), "{hint}");
        }
        ExitCode::from(error.code())
    })
}
