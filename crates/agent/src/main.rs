//! `sandbar-agent`: the server inside a sandbox. It answers on a listening descriptor that the engine passed in, says
//! when the sandbox is usable, and runs commands.

mod command;
mod descriptors;
mod environment;
mod limits;
mod log;
mod run;
mod server;
mod startup;

use std::io::Read;
use std::process::ExitCode;

use environment::Environment;
use sandbar_protocol::BootConfig;

/// The engine's text is small; whatever else stands on standard input is cut off.
const MAX_BOOT_BYTES: u64 = 4 * 1024 * 1024;

fn main() -> ExitCode {
    match boot() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // Standard error is the engine's log of this sandbox.
            let _ = writeln!(std::io::stderr(), "sandbar-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn boot() -> Result<(), String> {
    descriptors::close_strangers().map_err(|e| format!("can't close inherited descriptors: {e}"))?;
    let listener = listenfd::ListenFd::from_env().take_unix_listener(0).ok().flatten();
    let listener = listener.ok_or("no listening socket was passed in: the engine starts this program")?;
    let mut text = String::new();
    std::io::stdin().take(MAX_BOOT_BYTES).read_to_string(&mut text).map_err(|e| format!("no configuration: {e}"))?;
    let config: BootConfig = serde_json::from_str(&text).map_err(|e| format!("a broken configuration: {e}"))?;
    limits::apply(&config.limits).map_err(|e| format!("can't take on its limits: {e}"))?;
    // One thread: a sandbox waits far more than it computes, and each thread costs memory in every sandbox.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
    runtime.block_on(async move {
        limits::survive_full_files().map_err(|e| e.to_string())?;
        listener.set_nonblocking(true).map_err(|e| e.to_string())?;
        let listener = tokio::net::UnixListener::from_std(listener).map_err(|e| e.to_string())?;
        let environment = Environment::new(&config.env_vars, config.workdir.as_deref());
        let health = startup::begin(&config, environment.clone());
        server::serve(listener, environment, health).await.map_err(|e| e.to_string())
    })
}
