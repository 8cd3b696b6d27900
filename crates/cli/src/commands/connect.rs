use sandbar_client::{CallOptions, ClientError, Runtime, StartCall, Wait};
use sandbar_protocol::{ConnectOptions, PublicState};
use serde_json::json;

use super::Session;
use super::command::{CommandArgs, exit_code};
use crate::exit::CliError;
use crate::progress;
use crate::terminal::{self, Ended};

/// Options of `sandbar connect`.
#[derive(clap::Args)]
#[command(after_help = "\
Every key goes to the shell. It ends with `exit` or Ctrl-D, and its exit code is passed on. These are for you, at the
beginning of a line:
  ~.  leave; the shell goes on, and --pid takes it up again
  ~~  type one ~

A paused sandbox is resumed. A connection that is lost is made again; keys that were typed meanwhile are lost.

Examples:
  sandbar connect sb-1a2b3c
  sandbar connect sb-1a2b3c python3
  sandbar connect sb-1a2b3c --pid 42")]
pub(crate) struct Args {
    /// The sandbox's ID
    #[arg(value_name = "ID")]
    sandbox_id: String,
    #[command(flatten)]
    command: CommandArgs,
    /// Take a process up again that has a terminal already
    #[arg(long, value_name = "PID", conflicts_with_all = ["words", "cwd", "user", "env", "env_file"])]
    pid: Option<u32>,
    /// What to run instead of a shell
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    words: Vec<String>,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    terminal::check()?;
    let start = match args.pid {
        Some(pid) => taken_up(pid)?,
        None => args.command.shell(&args.words, &args.sandbox_id, terminal::size())?,
    };
    let runtime = usable(&args.sandbox_id, session).await?;
    let greeting = format!("connected to {}: ~. at the beginning of a line leaves it", args.sandbox_id);
    let work = terminal::hand_over(session, &runtime, start.begin(&runtime), &greeting);
    let ended = args.command.within(&args.sandbox_id, &session.client, work).await?;
    Ok(told_end(ended, &args.sandbox_id, session))
}

fn taken_up(pid: u32) -> Result<StartCall, CliError> {
    let args = sandbar_client::Args::parse(&json!({ "process": pid, "pty": true }).to_string());
    Ok(args.and_then(|args| args.connect_process()).map_err(ClientError::from)?)
}

/// The runtime of a sandbox, which is started if need be.
async fn usable(id: &str, session: &Session<'_>) -> Result<Runtime, CliError> {
    let (client, output) = (&session.client, session.output);
    let sandbox = client.get(id, CallOptions::default()).await?.value;
    let sandbox = match sandbox.public_state() {
        Some(PublicState::Running) => sandbox,
        state => {
            if state == Some(&PublicState::Paused) {
                output.note(&format!("{id} is paused: it is being resumed"));
            }
            let options = ConnectOptions::default();
            let answer = progress::of_sandbox(output, id, async |onlooker| {
                client.connect_seen(id, &options, Wait::UntilReady, &onlooker, CallOptions::default()).await
            });
            answer.await?.value
        }
    };
    Ok(client.runtime(id, sandbox.envd)?)
}

/// Tells a person who has left how to come back; gives back the exit code.
pub(super) fn told_end(ended: Ended, id: &str, session: &Session<'_>) -> u8 {
    match ended {
        Ended::Process(result) => {
            if let Some(why) = &result.error {
                session.output.note(why);
            }
            exit_code(&result)
        }
        Ended::Detached(pid) => {
            session
                .output
                .note(&format!("process {pid} goes on: `sandbar connect {id} --pid {pid}` takes it up again"));
            0
        }
    }
}
