//! What is said of code that did not come to its end.

use super::limit::{GRACE, Limit, MARGIN};
use super::message::{CodeError, Crash};

const LOST: &str = "its variables are lost: the next call starts a new one";

impl Limit {
    fn passed(self, message: &str) -> CodeError {
        CodeError::new("TimeoutError", message.replace("{}", &format!("{} ms", self.ms)))
    }

    pub(super) fn not_begun(self) -> CodeError {
        self.passed("the code did not begin within {}: the context was not ready, or busy with other code")
    }

    pub(super) fn interrupted(self) -> CodeError {
        self.passed("the code was interrupted after {}")
    }

    pub(super) fn killed(self) -> CodeError {
        self.passed("the code was interrupted after {}, and did not heed the interrupt: its variables are lost")
    }

    pub(super) fn silent(self) -> CodeError {
        let late = (GRACE + MARGIN).as_secs();
        self.passed(&format!("the code had {{}}, and its context did not answer for {late} s after that"))
    }
}

impl Crash {
    pub(super) fn error(&self) -> CodeError {
        let message = match self.out_of_memory {
            true => format!("the sandbox ran out of memory, and the Python process was killed: {LOST}"),
            false => format!("the Python process ended ({}) and {LOST}", self.status),
        };
        CodeError::new("InterpreterCrashed", message)
    }
}
