use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp, tcgetpgrp};
use sandbar_engine::Settings;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::exit::CliError;
use crate::output::Output;
use crate::serve::dashboard_line;
use crate::{api_key, host, signals};

/// What the program gets, whatever the shell had set.
const REMOVED: [&str; 3] = ["SEACLOUD_PROJECT_ID", "E2B_DOMAIN", "E2B_API_KEY"];

/// Options of `sandbar dev`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder to keep sandboxes and templates in; without it, a temporary one that is removed at the end.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Serve the dashboard, a page in the browser, and print its address to standard error.
    #[arg(long)]
    dashboard: bool,
    /// The program and its arguments [default: your shell]; it finds the engine by SEACLOUD_BASE_URL and SEACLOUD_API_KEY.
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the program against an engine of its own; the exit code is the program's.
pub(crate) async fn run(args: Args, output: &Output) -> Result<u8, CliError> {
    let system = |what: &str| {
        let what = what.to_owned();
        move |source| CliError::System { what, source }
    };
    let command = if args.command.is_empty() { shell(output)? } else { args.command };
    let mut signals = signals::listen().map_err(system("can't listen for signals"))?;
    let temporary = match args.data_dir {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("sandbar-").tempdir().map_err(system("can't make a folder"))?),
    };
    let folder = args.data_dir.or_else(|| temporary.as_ref().map(|folder| folder.path().to_owned()));
    let folder = folder.unwrap_or_default();
    let key = api_key::generate();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let engine = host::start(listen, &folder, &key, Duration::ZERO, args.dashboard, Settings::default()).await?;
    if args.dashboard {
        // Not worth ending the program for, if nobody reads it.
        let _ = writeln!(std::io::stderr(), "{}", dashboard_line(engine.address(), Some(&key)));
    }
    let result = match spawn(&command, &format!("http://{}", engine.address()), &key) {
        Ok(child) => wait(child, &mut signals).await.map_err(system("can't wait for the program")),
        Err(error) => Err(error),
    };
    engine.shut_down().await;
    if let Some(folder) = temporary {
        // Not by `tempfile`: homes may be nested deeper than the standard library's removal can go.
        sandbar_tree::remove(&folder.keep()).map_err(system("can't remove the temporary folder"))?;
    }
    result.map(exit_code)
}

/// A person who names no program gets a shell in which every program finds the engine.
fn shell(output: &Output) -> Result<Vec<OsString>, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage("no command was given: name one, as `sandbar dev -- node app.js`".to_owned()));
    }
    output.note("a shell with an engine of its own: `exit` ends both");
    Ok(vec![std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into())])
}

fn spawn(command: &[OsString], base_url: &str, key: &str) -> Result<Child, CliError> {
    let (program, args) = command.split_first().ok_or_else(|| CliError::Usage("no command was given".to_owned()))?;
    let mut command = Command::new(program);
    command.args(args).env("SEACLOUD_BASE_URL", base_url).env("SEACLOUD_API_KEY", key);
    for name in REMOVED {
        command.env_remove(name);
    }
    let failed = |source| CliError::Program { program: program.to_string_lossy().into_owned(), source };
    command.kill_on_drop(true).spawn().map_err(failed)
}

/// Waits for the program and passes signals on to it meanwhile.
async fn wait(mut child: Child, signals: &mut mpsc::Receiver<Signal>) -> std::io::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            Some(signal) = signals.recv() => {
                let id = child.id().and_then(|id| i32::try_from(id).ok());
                if let Some(id) = id.filter(|_| !terminal_sends(signal)) {
                    // It may have ended in between.
                    let _ = kill(Pid::from_raw(id), signal);
                }
            }
        }
    }
}

/// A terminal sends Ctrl-C to the whole foreground group: the program has had it already.
fn terminal_sends(signal: Signal) -> bool {
    let stdin = std::io::stdin();
    matches!(signal, Signal::SIGINT | Signal::SIGQUIT)
        && stdin.is_terminal()
        && tcgetpgrp(&stdin).is_ok_and(|group| group == getpgrp())
}

/// As shells have it: 128 + signal for a program that was killed.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}
