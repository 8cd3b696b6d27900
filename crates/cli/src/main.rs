//! The command `sandbar`: the local sandbox engine, and a way to run a program against it.

mod api_key;
mod dev;
mod doctor;
mod exit;
mod host;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;

/// Real, isolated Linux sandboxes on this machine, behind the same API as the hosted service.
#[derive(Parser)]
#[command(name = "sandbar", version, propagate_version = true)]
struct Cli {
    /// Write log lines as JSON.
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the engine until SIGTERM or SIGINT.
    Serve(serve::Args),
    /// Run a program against an engine of its own, which ends with it.
    Dev(dev::Args),
    /// Find out what is wrong on this machine or with the service, and how to mend it.
    Doctor(doctor::Args),
    /// Hold an engine's sandboxes: `serve` starts this by itself.
    #[command(hide = true)]
    Keep,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let default_level = if matches!(cli.command, Command::Dev(_) | Command::Doctor(_)) { "warn" } else { "info" };
    start_log(cli.log_json, default_level);
    raise_open_files();
    let result = match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Dev(args) => dev::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Keep => host::keep().await,
    };
    exit::code(result)
}

/// Log lines go to standard error; `SANDBAR_LOG` sets levels, as `debug` or `sandbar_engine=trace`.
fn start_log(json: bool, default_level: &str) {
    let filter = EnvFilter::try_from_env("SANDBAR_LOG").unwrap_or_else(|_| EnvFilter::new(default_level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
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
