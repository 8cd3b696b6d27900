//! Giving a call up at Ctrl-C without leaving anything behind.

use std::future::Future;
use std::pin::pin;

use nix::sys::signal::Signal;
use sandbar_client::Client;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::CliError;
use crate::output::Output;
use crate::signals;

/// Awaits a call; SIGINT, SIGTERM or SIGHUP drops it, and waits until the client has deleted what it had begun. A second one ends
/// that wait as well.
pub(crate) async fn or_give_up<T>(
    client: &Client,
    output: &Output,
    call: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::system("can't listen for signals"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::system("can't listen for signals"))?;
    let mut hang_up = if signals::hang_up_is_ignored() {
        None
    } else {
        Some(signal(SignalKind::hangup()).map_err(CliError::system("can't listen for signals"))?)
    };
    let mut next_signal = async || {
        tokio::select! {
            _ = interrupt.recv() => Signal::SIGINT,
            _ = terminate.recv() => Signal::SIGTERM,
            Some(()) = async { hang_up.as_mut()?.recv().await } => Signal::SIGHUP,
        }
    };
    let signal = {
        let call = pin!(call);
        tokio::select! {
            outcome = call => return outcome,
            signal = next_signal() => signal,
        }
    };
    let mut settled = pin!(client.settled());
    // Mostly there is nothing to wait for.
    if futures_util::poll!(&mut settled).is_pending() {
        output.note("interrupted: what this command made is being deleted (Ctrl-C again leaves it)");
        tokio::select! {
            () = settled => {}
            _ = next_signal() => {
                return Err(CliError::Interrupted(" again: a sandbox may be left, `sandbar ls` shows it", signal));
            }
        }
    }
    Err(CliError::Interrupted("", signal))
}
