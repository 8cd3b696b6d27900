//! The commands that people type.

pub(crate) mod command;
mod connect;
mod cp;
mod create;
mod env;
mod exec;
mod info;
mod logs;
mod ls;
mod metrics;
mod pairs;
mod pause;
mod resume;
mod rm;
mod shell;
mod status;
mod templates;
mod timeout;
mod variables;

use clap::Subcommand;
use sandbar_client::Client;

use crate::exit::CliError;
use crate::global::GlobalArgs;
use crate::output::Output;
use crate::{connection, interrupt};

/// A command that people type.
#[derive(Subcommand)]
pub(crate) enum SandboxCommand {
    /// Create a sandbox
    Create(create::Args),
    /// List sandboxes
    #[command(visible_alias = "list")]
    Ls(ls::Args),
    /// Show one sandbox: state, end, sizes, timeline, and why it is where it is
    Info(info::Args),
    /// Show or follow a sandbox's log
    Logs(logs::Args),
    /// Show what sandboxes use: CPU, memory, disk, network
    Metrics(metrics::Args),
    /// Run a command in a sandbox
    Exec(exec::Args),
    /// Open a shell in a sandbox
    Connect(connect::Args),
    /// Copy files between this machine and a sandbox
    Cp(cp::Args),
    /// Stop a sandbox and keep its files
    Pause(pause::Args),
    /// Start a paused sandbox again
    Resume(resume::Args),
    /// Set when a sandbox ends
    Timeout(timeout::Args),
    /// Give a sandbox more time, and never less
    Refresh(timeout::RefreshArgs),
    /// Delete sandboxes and their files
    Rm(rm::Args),
    /// List what sandboxes can be made from
    Templates(templates::Args),
    /// Show whether the server is well, how much of your limits is used, and what to do
    Status(status::Args),
    /// Print what a shell needs for programs to find the server: eval "$(sandbar env)"
    Env(env::Args),
    /// Print the completions of a shell
    Completions(shell::CompletionsArgs),
    /// Print the man page
    Man(shell::ManArgs),
}

/// What a command works with.
pub(crate) struct Session<'a> {
    /// The server.
    pub(crate) client: Client,
    /// Where to print.
    pub(crate) output: &'a Output,
}

impl SandboxCommand {
    /// Runs it; gives back the exit code.
    pub(crate) async fn run(self, global: &GlobalArgs, output: &Output) -> Result<u8, CliError> {
        match &self {
            Self::Completions(args) => return shell::completions(args, output),
            Self::Man(args) => return shell::man(args, output),
            Self::Env(args) => return env::run(args, global, output),
            _ => {}
        }
        let session = Session { client: connection::client(global)?, output };
        match self {
            // These pass signals on.
            Self::Exec(args) => exec::run(args, &session).await,
            Self::Connect(args) => connect::run(args, &session).await,
            command => interrupt::or_give_up(&session.client, output, command.call(&session)).await,
        }
    }

    async fn call(self, session: &Session<'_>) -> Result<u8, CliError> {
        match self {
            Self::Create(args) => create::run(args, session).await,
            Self::Ls(args) => ls::run(args, session).await,
            Self::Info(args) => info::run(args, session).await,
            Self::Logs(args) => logs::run(args, session).await,
            Self::Metrics(args) => metrics::run(args, session).await,
            Self::Pause(args) => pause::run(args, session).await,
            Self::Resume(args) => resume::run(args, session).await,
            Self::Timeout(args) => timeout::run(args, session).await,
            Self::Refresh(args) => timeout::refresh(args, session).await,
            Self::Rm(args) => rm::run(args, session).await,
            Self::Templates(args) => templates::run(args, session).await,
            Self::Status(args) => status::run(args, session).await,
            Self::Cp(args) => cp::run(args, session).await,
            Self::Exec(_) | Self::Connect(_) | Self::Env(_) | Self::Completions(_) | Self::Man(_) => Ok(0),
        }
    }
}
