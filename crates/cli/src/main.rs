//! The command `sandbar`: sandboxes from a terminal, and the local engine that serves them.

mod api_key;
mod commands;
mod connection;
mod dev;
mod doctor;
mod exit;
mod global;
mod host;
mod interrupt;
mod local_engine;
mod output;
mod problem;
mod progress;
mod progress_terminal;
#[cfg(test)]
mod reference;
mod serve;
mod signals;
mod span;
mod standard_input;
mod state;
mod table;
mod terminal;
mod terminal_text;
mod timeline;
mod wording;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;

use crate::commands::SandboxCommand;
use crate::exit::CliError;
use crate::global::GlobalArgs;
use crate::output::Output;

/// Sandboxes from your terminal: on this machine, or on any server that speaks the same API.
#[derive(Parser)]
#[command(name = "sandbar", version, after_help = after_help(), max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the engine until SIGTERM, SIGINT or SIGHUP
    Serve(serve::Args),
    /// Run a program against an engine of its own, which ends with it
    Dev(dev::Args),
    /// Find out what is wrong on this machine or with the service, and how to mend it
    Doctor(doctor::Args),
    /// Hold an engine's sandboxes: `serve` starts this by itself.
    #[command(hide = true)]
    Keep,
    #[command(flatten)]
    Sandbox(SandboxCommand),
}

const EXAMPLES: &str = "\
Examples:
  sandbar serve                        run the engine; the commands below find it by themselves
  sandbar create                       a sandbox, usable when the command returns
  id=$(sandbar create --timeout 3600)  the same for scripts: only the ID is printed
  sandbar ls                           what there is
  sandbar exec $id uname -a            a command in it; `connect` opens a shell, `cp` copies files
  sandbar rm --metadata app=demo       delete what matches, after a question

Another server:
  export SEACLOUD_BASE_URL=https://sandboxes.example SEACLOUD_API_KEY=…";

fn after_help() -> String {
    let codes = exit::CODES.iter().map(|(code, what)| format!("  {code:<3}  {what}")).collect::<Vec<_>>().join("\n");
    format!(
        "{EXAMPLES}\n\nExit codes:\n{codes}\n`sandbar exec` and `sandbar dev` pass on the exit code of what they run."
    )
}

fn main() -> ExitCode {
    let cli = match command_line().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return exit::of_parser(&error),
    };
    let output = Output::new(&cli.global);
    let result = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(run(cli, &output));
            // A question that nobody answers any more must not hold the process.
            runtime.shutdown_background();
            result
        }
        Err(source) => Err(CliError::System { what: "can't start threads".to_owned(), source }),
    };
    exit::code(result, &output)
}

/// The whole command line, with the global options out of sight where they mean nothing.
fn command_line() -> clap::Command {
    global::hide_where_meaningless(Cli::command())
}

async fn run(cli: Cli, output: &Output) -> Result<u8, CliError> {
    let Cli { global, command } = cli;
    match command {
        Command::Serve(args) => {
            start_engine_log(global.log_json, "info");
            serve::run(args).await
        }
        Command::Dev(args) => {
            start_engine_log(global.log_json, "warn");
            dev::run(args, output).await
        }
        Command::Doctor(args) => {
            start_engine_log(global.log_json, "warn");
            doctor::run(args, &global, output).await
        }
        Command::Keep => {
            start_engine_log(global.log_json, "info");
            host::keep().await
        }
        Command::Sandbox(command) => {
            // Commands of people are silent unless asked.
            if std::env::var_os("SANDBAR_LOG").is_some() {
                start_log(global.log_json, "off");
            }
            command.run(&global, output).await
        }
    }
}

fn start_engine_log(json: bool, default_level: &str) {
    start_log(json, default_level);
    raise_open_files();
}

/// Log lines go to standard error; `SANDBAR_LOG` sets levels, as `debug` or `sandbar_engine=trace`.
fn start_log(json: bool, default_level: &str) {
    let filter = EnvFilter::try_from_env("SANDBAR_LOG").unwrap_or_else(|_| EnvFilter::new(default_level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // It would say on standard error that standard error can't be written, as to a file on a full disk, and panic.
    let log = log.log_internal_errors(false).with_ansi(console::colors_enabled_stderr());
    if json { log.json().init() } else { log.init() }
}

/// Each sandbox takes a few descriptors, and the usual soft limit of 1,024 is meant for programs that use `select`.
fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most).map(|()| most));
    match raised {
        Ok(most) => tracing::debug!("up to {most} open files"),
        Err(error) => tracing::warn!("can't raise the limit of open files: {error}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command_line().debug_assert();
    }
}
