//! Where results and remarks go: results to standard output, everything else to standard error.

use std::io::{self, ErrorKind, IsTerminal, Write};

use console::Term;
use serde::Serialize;

use crate::exit::CliError;
use crate::global::{ColorChoice, GlobalArgs};
use crate::terminal_text::escaped_json;

/// How to print: for a person or for a program.
pub(crate) struct Output {
    /// One JSON value, or one a line.
    pub(crate) json: bool,
    /// Results only.
    pub(crate) quiet: bool,
    /// Whether a person reads standard output.
    pub(crate) to_terminal: bool,
    /// Whether a person reads standard error.
    errors_to_terminal: bool,
}

impl Output {
    /// As the options say. Colours are set for the whole process.
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        let (to_terminal, errors_to_terminal) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        console::set_colors_enabled(in_colour(global.color, to_terminal));
        console::set_colors_enabled_stderr(in_colour(global.color, errors_to_terminal));
        Self { json: global.json, quiet: global.quiet, to_terminal, errors_to_terminal }
    }

    /// Prints a line of the result.
    pub(crate) fn line(&self, line: &str) -> Result<(), CliError> {
        self.write(line)?;
        self.write("\n")
    }

    /// Prints a part of the result as it is.
    pub(crate) fn write(&self, text: impl AsRef<[u8]>) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_ref()).and_then(|()| out.flush()).map_err(|source| match source.kind() {
            ErrorKind::BrokenPipe => CliError::OutputClosed,
            _ => CliError::System { what: "can't write to standard output".to_owned(), source },
        })
    }

    /// Prints the result as one JSON value, laid out for eyes as well.
    pub(crate) fn value(&self, value: &impl Serialize) -> Result<(), CliError> {
        self.line(&escaped_json(&serde_json::to_string_pretty(value).map_err(unwritable)?))
    }

    /// Prints one of several results as a line of JSON.
    pub(crate) fn value_line(&self, value: &impl Serialize) -> Result<(), CliError> {
        self.line(&escaped_json(&serde_json::to_string(value).map_err(unwritable)?))
    }

    /// Prints a remark to a person, beside the result.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            self.complain(text);
        }
    }

    /// Prints what must be said in any case to standard error.
    pub(crate) fn complain(&self, text: &str) {
        // Nothing is left to tell a closed standard error.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Whether progress is worth drawing: somebody looks.
    pub(crate) fn shows_progress(&self) -> bool {
        self.errors_to_terminal && !self.quiet && !self.json
    }

    /// How many columns a line may have; a file has no end of them.
    pub(crate) fn width(&self) -> Option<usize> {
        self.to_terminal.then(|| Term::stdout().size().1.into())
    }
}

fn unwritable(error: serde_json::Error) -> CliError {
    CliError::Failed(format!("the result can't be written as JSON: {error}"))
}

/// The usual variables: https://no-color.org and https://bixense.com/clicolors.
fn in_colour(choice: ColorChoice, to_terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if set("NO_COLOR").is_some() => false,
        ColorChoice::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorChoice::Auto => to_terminal && set("TERM").is_none_or(|value| value != "dumb"),
    }
}
