use std::io::Write;
use std::pin::pin;

use nix::sys::signal::Signal;
use sandbar_client::{
    CallOptions, ClientError, CommandResult, InputCall, OutputPiece, OutputStream, Process, Runtime, Selector,
};
use tokio::sync::mpsc;

use super::Session;
use super::command::{CommandArgs, exit_code, kill};
use super::connect::told_end;
use crate::exit::{CliError, FAILURE};
use crate::{problem, signals, standard_input, terminal};

/// So many Ctrl-C in a row mean this program, and not only the command.
const INSISTENT: u32 = 3;

/// Options of `sandbar exec`.
#[derive(clap::Args)]
#[command(after_help = "\
The command is all that follows the ID; -- before it is needed only if it begins with a hyphen. Options of exec stand
before it. One word is a shell command line; more are a program and its arguments, which no shell touches.

Standard output, standard error and standard input are the command's. The exit code is the command's as well: 128 +
signal if it was killed, 124 if its time was over. Signals are passed on; Ctrl-C three times in a row gives up and
kills the command. With -t the command has a terminal, which ~. at the beginning of a line leaves.

Examples:
  sandbar exec sb-1a2b3c python3 main.py --fast
  sandbar exec sb-1a2b3c 'ls *.csv | wc -l'
  tar c src | sandbar exec sb-1a2b3c tar x
  sandbar exec -t sb-1a2b3c htop")]
pub(crate) struct Args {
    /// The sandbox's ID
    #[arg(value_name = "ID")]
    sandbox_id: String,
    #[command(flatten)]
    command: CommandArgs,
    /// The most that it may run, in seconds; then it is killed with all that it has started
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: Option<u64>,
    /// Give it a terminal: yours
    #[arg(short, long, conflicts_with_all = ["no_stdin", "json"])]
    tty: bool,
    /// Give it no input: a loop that reads lines keeps its own
    #[arg(short = 'n', long)]
    no_stdin: bool,
    /// The command
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    words: Vec<String>,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let runtime = session.client.runtime(&args.sandbox_id, None).map_err(CliError::from)?;
    if args.tty {
        terminal::check()?;
        let start = args.command.in_terminal(&args.words, args.timeout, terminal::size())?;
        let greeting = "~. at the beginning of a line leaves it";
        let work = terminal::hand_over(session, &runtime, start.begin(&runtime), greeting);
        let ended = args.command.within(&args.sandbox_id, &session.client, work).await?;
        return Ok(told_end(ended, &args.sandbox_id, session));
    }
    let start = args.command.start(&args.words, args.timeout, !args.no_stdin)?;
    let signals = signals::listen().map_err(CliError::system("can't listen for signals"))?;
    let process = start.begin(&runtime);
    let work = follow(&process, &runtime, signals, !args.no_stdin, session);
    let followed = args.command.within(&args.sandbox_id, &session.client, work).await;
    let Followed { result, input_is_lost } = match followed {
        Ok(followed) => followed,
        // Nobody is left to read it, or wants it.
        Err(error @ (CliError::OutputClosed | CliError::Interrupted(..))) => {
            kill(process, &session.client).await;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    if session.output.json {
        session.output.value(&result)?;
    } else if let Some(why) = &result.error {
        session.output.note(why);
    }
    match exit_code(&result) {
        // It may have taken a part for the whole.
        0 if input_is_lost => Ok(FAILURE),
        code => Ok(code),
    }
}

/// A command that was followed to its end.
struct Followed {
    result: CommandResult,
    input_is_lost: bool,
}

/// Passes output, input and signals on until the end.
async fn follow(
    process: &Process,
    runtime: &Runtime,
    mut signals: mpsc::Receiver<Signal>,
    has_input: bool,
    session: &Session<'_>,
) -> Result<Followed, CliError> {
    let mut output = process.reader();
    let started = tokio::select! {
        started = process.started() => started?,
        Some(signal) = signals.recv() => return Err(CliError::Interrupted("", signal)),
    };
    let process_id = Selector::Pid(started.pid);
    let mut feeding = pin!(async { if has_input { feed(runtime, &process_id).await } else { Ok(()) } });
    let (mut is_fed, mut input_is_lost, mut interrupts) = (false, false, 0);
    loop {
        tokio::select! {
            piece = output.next() => match piece {
                Some(piece) if !session.output.json => print(session, &piece)?,
                Some(_) => {}
                None => return Ok(Followed { result: process.wait().await?, input_is_lost }),
            },
            fed = &mut feeding, if !is_fed => {
                is_fed = true;
                if let Err(error) = fed {
                    input_is_lost = true;
                    let why = problem::message(&error);
                    session.output.complain(&format!("the rest of the input was not passed on: {why}"));
                }
            }
            Some(signal) = signals.recv() => {
                interrupts = if signal == Signal::SIGINT { interrupts + 1 } else { 0 };
                if interrupts == INSISTENT {
                    return Err(CliError::Interrupted("", signal));
                }
                // It may have ended in between, or be out of reach: its output shows that.
                let _ = runtime.signal_process(&process_id, signal.as_str(), &CallOptions::default()).await;
            }
        }
    }
}

fn print(session: &Session<'_>, piece: &OutputPiece) -> Result<(), CliError> {
    if piece.stream != OutputStream::Stderr {
        return session.output.write(&piece.bytes);
    }
    // Nothing is left to tell a closed standard error.
    let _ = std::io::stderr().write_all(&piece.bytes);
    Ok(())
}

/// Passes standard input on. A command that does not want it is none the worse.
async fn feed(runtime: &Runtime, process: &Selector) -> Result<(), CliError> {
    let mut input = standard_input::read();
    let call = CallOptions::default();
    while let Some(piece) = input.recv().await {
        let bytes = piece.map_err(CliError::system("can't read standard input"))?;
        match runtime.feed_input(&InputCall { process: process.clone(), bytes, to_terminal: false }, &call).await {
            Ok(()) => {}
            // It has ended, or takes no input any more.
            Err(ClientError::Api(error)) if matches!(error.status, 400 | 404) => return Ok(()),
            Err(error) => {
                // It must not wait for what does not come.
                let _ = runtime.close_stdin(process, &call).await;
                return Err(error.into());
            }
        }
    }
    // It may have ended in between.
    let _ = runtime.close_stdin(process, &call).await;
    Ok(())
}
