//! The commands that call a server.

mod info;
mod ls;
mod pairs;

use clap::Subcommand;
use sandbar_client::Client;

use crate::exit::CliError;
use crate::global::GlobalArgs;
use crate::output::Output;
use crate::{connection, interrupt};

/// A command on sandboxes.
#[derive(Subcommand)]
pub(crate) enum SandboxCommand {
    /// List sandboxes.
    #[command(visible_alias = "list")]
    Ls(ls::Args),
    /// Show one sandbox: state, deadline, sizes, timeline, and why it is where it is.
    Info(info::Args),
}

/// What a command works with.
pub(crate) struct Session<'a> {
    /// The server.
    pub(crate) client: Client,
    /// Where to print.
    pub(crate) output: &'a Output,
}

impl SandboxCommand {
    /// Runs it; the exit code is 0 unless it says otherwise.
    pub(crate) async fn run(self, global: &GlobalArgs, output: &Output) -> Result<u8, CliError> {
        let session = Session { client: connection::client(global)?, output };
        let command = async {
            match self {
                Self::Ls(args) => ls::run(args, &session).await,
                Self::Info(args) => info::run(args, &session).await,
            }
        };
        interrupt::or_give_up(&session.client, output, command).await
    }
}
