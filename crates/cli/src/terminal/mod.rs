//! The terminal that a person sits at, in the hands of a process in a sandbox.

mod escape;
mod raw_mode;
mod session;

use std::io::{IsTerminal, stdin, stdout};

use console::Term;
use sandbar_client::PtySize;

use crate::exit::CliError;
pub(crate) use session::{Ended, hand_over};

/// Refuses to go on where nobody sits at a terminal.
pub(crate) fn check() -> Result<(), CliError> {
    if stdin().is_terminal() && stdout().is_terminal() {
        return Ok(());
    }
    let message = "there is no terminal here: `sandbar exec ID COMMAND` runs a command without one";
    Err(CliError::Usage(message.to_owned()))
}

/// Its size in characters.
pub(crate) fn size() -> PtySize {
    let size = Term::stdout().size_checked().map(|(rows, cols)| PtySize { cols, rows });
    // A terminal that has not been told its size says 0.
    size.filter(|size| size.cols > 0 && size.rows > 0).unwrap_or_default()
}
