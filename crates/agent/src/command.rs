use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use nix::libc::{E2BIG, EAGAIN};
use sandbar_protocol::Secret;
use tokio::process::Command;

use crate::environment::{Environment, check_variables};
use crate::paths::absolute;
use crate::problem::Problem;
use crate::shell_line;
use crate::su::without_su;

/// A command as a request describes it.
pub(crate) struct Description<'a> {
    /// A shell command line; with arguments, the program to execute directly.
    pub(crate) cmd: &'a str,
    /// No arguments are none that were given: clients of other languages always send the list.
    pub(crate) args: &'a [String],
    /// Where it starts; relative ones begin where commands start, and `~` is the home.
    pub(crate) cwd: Option<&'a str>,
    /// What the request calls its variables.
    pub(crate) variables_field: &'static str,
    /// Variables on top of the sandbox's own.
    pub(crate) variables: Option<&'a BTreeMap<String, Secret>>,
}

impl Description<'_> {
    /// What no sandbox could run is refused by the name of its field.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.cmd.trim().is_empty() {
            return Err(Problem::invalid("`cmd` is empty: pass a command line"));
        }
        let no_nul = |field: &str, text: &str| match text.contains('\0') {
            true => Err(Problem::invalid(format!("`{field}` has a NUL byte in it, which no command can take"))),
            false => Ok(()),
        };
        no_nul("cmd", self.cmd)?;
        no_nul("cwd", self.cwd.unwrap_or_default())?;
        for (index, arg) in self.args.iter().enumerate() {
            no_nul(&format!("args[{index}]"), arg)?;
        }
        self.variables.map_or(Ok(()), |variables| check_variables(self.variables_field, variables))?;
        without_su(self.cmd, self.args).map(drop)
    }

    /// The command, with no input and in no process group of its own yet.
    pub(crate) fn command(&self, environment: &Environment) -> Result<Command, NotStarted> {
        let cwd = absolute(self.cwd.unwrap_or_default(), environment);
        check_folder(&cwd)?;
        // What is refused was refused by the check.
        let args = without_su(self.cmd, self.args).unwrap_or(self.args.into());
        let mut command = match args.as_ref() {
            [] => shell(self.cmd, environment),
            args => {
                let args = shell_line::of_program(self.cmd, args).map_or(args.into(), Cow::Owned);
                program(self.cmd, &args, environment)
            }
        };
        command.envs(self.variables.into_iter().flatten().map(|(name, value)| (name, value.expose())));
        command.current_dir(cwd);
        Ok(command)
    }

    /// Why the system did not start it.
    pub(crate) fn not_started(&self, error: &io::Error) -> NotStarted {
        let cmd = self.cmd.to_owned();
        match (error.kind(), error.raw_os_error()) {
            // A file that is there, but not what is to read it.
            (io::ErrorKind::NotFound, _) if self.is_a_file() => NotStarted::NoInterpreter(cmd),
            (io::ErrorKind::NotFound, _) => NotStarted::NotFound(cmd),
            (io::ErrorKind::PermissionDenied, _) => NotStarted::NotExecutable(cmd),
            (_, Some(E2BIG)) => NotStarted::TooLong,
            (_, Some(EAGAIN)) => NotStarted::TooMany,
            _ => NotStarted::Other(format!("{cmd:?} did not start: {error}")),
        }
    }

    fn is_a_file(&self) -> bool {
        self.cmd.starts_with('/') && Path::new(self.cmd).is_file()
    }
}

fn check_folder(cwd: &Path) -> Result<(), NotStarted> {
    match fs::metadata(cwd) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(NotStarted::NotAFolder(cwd.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(NotStarted::NotAFolder(cwd.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(NotStarted::NoFolder(cwd.to_owned())),
        Err(error) => Err(NotStarted::Other(format!("the working directory {} can't be used: {error}", cwd.display()))),
    }
}

/// Why a command did not start.
#[derive(Debug)]
pub(crate) enum NotStarted {
    /// Its working directory is not there.
    NoFolder(PathBuf),
    /// Its working directory, or a part of that path, is a file.
    NotAFolder(PathBuf),
    /// The program is not there.
    NotFound(String),
    /// The program is there, but what runs it is not.
    NoInterpreter(String),
    /// It is no program, or may not be executed.
    NotExecutable(String),
    /// Arguments and variables are more than the system takes.
    TooLong,
    /// The sandbox has as many processes as it may have.
    TooMany,
    /// Anything else.
    Other(String),
}

impl NotStarted {
    /// As shells have it; none where it is not about the program.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        match self {
            Self::NotFound(_) | Self::NoInterpreter(_) => Some(127),
            Self::NotExecutable(_) | Self::TooLong => Some(126),
            Self::NoFolder(_) | Self::NotAFolder(_) | Self::TooMany | Self::Other(_) => None,
        }
    }

    /// The sentence for people.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::NoFolder(cwd) => format!("the working directory {} does not exist: make it first", cwd.display()),
            Self::NotAFolder(cwd) => {
                format!("the working directory {}, or a part of its path, is a file: pass a directory", cwd.display())
            }
            Self::NotFound(cmd) => format!("{cmd:?} was not found in the sandbox"),
            Self::NoInterpreter(cmd) => {
                format!("{cmd:?} is in the sandbox, but not the interpreter or loader that it names")
            }
            Self::NotExecutable(cmd) => format!("{cmd:?} can't be executed"),
            Self::TooLong => {
                "the arguments and variables are longer than a command may have: write them to a file".into()
            }
            Self::TooMany => "the sandbox has as many processes as it may have: end some of them first".into(),
            Self::Other(why) => why.clone(),
        }
    }
}

impl From<NotStarted> for Problem {
    fn from(why: NotStarted) -> Self {
        let message = why.message();
        match why {
            NotStarted::NoFolder(_) | NotStarted::NotFound(_) | NotStarted::NoInterpreter(_) => {
                Self::not_found(message)
            }
            NotStarted::NotExecutable(_) => Self::denied(message),
            NotStarted::NotAFolder(_) | NotStarted::TooLong => Self::invalid(message),
            NotStarted::TooMany => Self::precondition(message),
            NotStarted::Other(_) => Self::internal(message),
        }
    }
}

/// A shell command line in the sandbox's environment.
pub(crate) fn shell(line: &str, environment: &Environment) -> Command {
    program("/bin/sh", &shell_line::arguments("-c", line), environment)
}

/// A program in the sandbox's environment, started where commands start.
fn program(program: &str, args: &[String], environment: &Environment) -> Command {
    let mut command = Command::new(program);
    let variables = environment.variables();
    command.args(args).env_clear().envs(variables.iter().map(|(name, value)| (name, value.expose())));
    command.current_dir(environment.workdir()).stdin(Stdio::null());
    command
}

/// As shells have it: 128 + signal for a process that was killed.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}
