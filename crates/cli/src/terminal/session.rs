use std::sync::Arc;

use nix::sys::signal::Signal;
use sandbar_client::{CallOptions, ClientError, CommandResult, InputCall, Process, Runtime, Selector};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::escape::Escape;
use super::raw_mode::RawMode;
use crate::commands::Session;
use crate::commands::command::kill;
use crate::exit::CliError;
use crate::{signals, standard_input, terminal};

/// How often in a row keys may get lost before the session is over.
const MOST_LOSSES: u32 = 3;

/// How a session came to its end.
pub(crate) enum Ended {
    /// The process ended.
    Process(CommandResult),
    /// The person left; this process runs on.
    Detached(u32),
}

/// What happened next.
enum Event {
    Printed(Vec<u8>),
    Typed(Vec<u8>),
    Resized,
    Signalled(Signal),
    NoMoreInput,
    NoMoreOutput,
    InputLost(Arc<ClientError>),
}

/// Hands the terminal over to a process until that ends, or the person leaves by `~.`; `greeting` is shown before. The
/// terminal is as before then, also after an error.
pub(crate) async fn hand_over(
    session: &Session<'_>,
    runtime: &Runtime,
    process: Process,
    greeting: &str,
) -> Result<Ended, CliError> {
    let system = || CliError::system("can't listen for signals");
    let mut resized = signal(SignalKind::window_change()).map_err(system())?;
    let mut endings = signals::listen().map_err(system())?;
    let pid = tokio::select! {
        started = process.started() => started?.pid,
        Some(signal) = endings.recv() => {
            kill(process, &session.client).await;
            return Err(CliError::Interrupted("", signal));
        }
    };
    session.output.note(greeting);
    let raw_mode = RawMode::enter()?;
    resize(runtime, pid).await;
    let mut input = standard_input::read();
    let (keys, typed) = unbounded_channel();
    let mut typing = typing(runtime.clone(), pid, typed);
    let (mut output, mut escape, mut has_input) = (process.reader(), Escape::default(), true);
    loop {
        let event = tokio::select! {
            piece = output.next() => piece.map_or(Event::NoMoreOutput, |piece| Event::Printed(piece.bytes)),
            bytes = input.recv(), if has_input => match bytes {
                Some(Ok(bytes)) => Event::Typed(bytes),
                Some(Err(_)) | None => Event::NoMoreInput,
            },
            _ = resized.recv() => Event::Resized,
            Some(signal) = endings.recv() => Event::Signalled(signal),
            Ok(Err(error)) = &mut typing => Event::InputLost(Arc::new(error)),
        };
        match event {
            Event::Printed(bytes) => {
                if let Err(error) = session.output.write(bytes) {
                    kill(process, &session.client).await;
                    return Err(error);
                }
            }
            Event::Typed(bytes) => {
                let typed = escape.take(&bytes);
                // Whoever takes them has ended: so has the process, or its loss is told next.
                let _ = keys.send(typed.bytes);
                if typed.detaches {
                    process.disconnect();
                    raw_mode.break_off();
                    return Ok(Ended::Detached(pid));
                }
            }
            Event::Resized => resize(runtime, pid).await,
            Event::NoMoreInput => has_input = false,
            Event::NoMoreOutput => break,
            // Whoever closes the window means the shell in it as well.
            Event::Signalled(signal) => {
                kill(process, &session.client).await;
                raw_mode.break_off();
                return Err(CliError::Interrupted("", signal));
            }
            Event::InputLost(error) => {
                process.disconnect();
                raw_mode.break_off();
                return Err(error.into());
            }
        }
    }
    match process.wait().await {
        Ok(result) => Ok(Ended::Process(result)),
        Err(error) => {
            raw_mode.break_off();
            Err(error.into())
        }
    }
}

async fn resize(runtime: &Runtime, pid: u32) {
    // A size that does not arrive is a small loss, and a process that has ended needs none.
    let _ = runtime.resize(&Selector::Pid(pid), terminal::size(), &CallOptions::default()).await;
}

/// Sends keys, all those at once that were typed while the last were on their way. Ends with an error only if the process
/// can't be reached time and again.
fn typing(runtime: Runtime, pid: u32, mut typed: UnboundedReceiver<Vec<u8>>) -> JoinHandle<Result<(), ClientError>> {
    tokio::spawn(async move {
        let mut losses = 0;
        while let Some(mut bytes) = typed.recv().await {
            while let Ok(more) = typed.try_recv() {
                bytes.extend(more);
            }
            let input = InputCall { process: Selector::Pid(pid), bytes, to_terminal: true };
            match runtime.send_input(&input, &CallOptions::default()).await {
                Ok(()) => losses = 0,
                // It has ended, or does not read: its output shows which.
                Err(ClientError::Api(_)) => {}
                // Not sent again: it may have arrived. Output that is followed says when the connection is back.
                Err(error) => {
                    losses += 1;
                    if losses == MOST_LOSSES {
                        return Err(error);
                    }
                }
            }
        }
        std::future::pending().await
    })
}
