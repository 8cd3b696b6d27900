//! `sandbar-agent`: the server inside a sandbox, started by the engine.

use std::process::ExitCode;

fn main() -> ExitCode {
    match sandbar_agent::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // Standard error is the engine's log of this sandbox.
            let _ = writeln!(std::io::stderr(), "sandbar-agent: {error}");
            ExitCode::FAILURE
        }
    }
}
