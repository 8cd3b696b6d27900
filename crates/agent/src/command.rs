use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use crate::environment::Environment;

/// A shell command line in the sandbox's environment, in a process group of its own.
pub(crate) fn shell(line: &str, environment: &Environment) -> Command {
    program("/bin/sh", &["-c".to_owned(), line.to_owned()], environment)
}

/// A program in the sandbox's environment, in a process group of its own, started where commands start.
pub(crate) fn program(program: &str, args: &[String], environment: &Environment) -> Command {
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(environment.iter()).current_dir(environment.workdir());
    command.process_group(0).stdin(Stdio::null());
    command
}

/// A working directory as asked for: relative ones start where commands start.
pub(crate) fn working_dir(cwd: Option<&str>, environment: &Environment) -> PathBuf {
    environment.workdir().join(cwd.unwrap_or_default())
}

/// As shells have it: 128 + signal for a process that was killed.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// Kills a process with all it has started, unless it came to its end.
pub(crate) struct Group {
    id: Option<Pid>,
}

impl Group {
    pub(crate) fn of(child: &Child) -> Self {
        Self { id: child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw) }
    }

    /// Kills the group now.
    pub(crate) fn kill(&mut self) {
        if let Some(id) = self.id.take() {
            // It may have ended by itself.
            let _ = killpg(id, Signal::SIGKILL);
        }
    }

    /// Lets what the process left in the background live on.
    pub(crate) fn release(mut self) {
        self.id = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
