use std::io::{Stdin, Write, stdin, stdout};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use crate::exit::CliError;

/// What a program may have turned on and not off again: mouse reports, bracketed paste, a hidden cursor, colours, the
/// other screen.
const AS_BEFORE: &str = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1047l\x1b[?25h\x1b[0m";

/// The terminal passes every key on as it is. It is as before once this is dropped.
pub(super) struct RawMode {
    stdin: Stdin,
    before: Termios,
}

impl RawMode {
    pub(super) fn enter() -> Result<Self, CliError> {
        let system = |error: nix::Error| CliError::system("can't set up the terminal")(error.into());
        let stdin = stdin();
        let before = tcgetattr(&stdin).map_err(system)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&stdin, SetArg::TCSANOW, &raw).map_err(system)?;
        Ok(Self { stdin, before })
    }

    /// Ends it in the middle of whatever the process was drawing.
    pub(super) fn break_off(self) {
        let mut out = stdout();
        // A terminal that is gone needs nothing more.
        let _ = out.write_all(AS_BEFORE.as_bytes()).and_then(|()| out.write_all(b"\r\n")).and_then(|()| out.flush());
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing more.
        let _ = tcsetattr(&self.stdin, SetArg::TCSANOW, &self.before);
    }
}
