//! `sandbar-agent`: the server inside a sandbox, started by the engine.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        return version();
    }
    match sandbar_agent::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the engine's log of this sandbox.
            let _ = writeln!(std::io::stderr(), "sandbar-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says which version this is: it must be that of the engine.
fn version() -> ExitCode {
    let written = writeln!(std::io::stdout(), "sandbar-agent {}", env!("CARGO_PKG_VERSION"));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
