//! The way from a listening descriptor and a text on standard input to a server.

use std::io::Read;

use sandbar_http_server::ServerConfig;
use sandbar_protocol::BootConfig;
use tokio_util::sync::CancellationToken;

use crate::server::router;
use crate::{descriptors, limits, signals};

/// The engine's text is small; whatever else stands on standard input is cut off.
const MAX_BOOT_BYTES: u64 = 4 * 1024 * 1024;

/// Serves until the sandbox ends. Takes over the process: descriptors, limits and standard streams.
///
/// # Errors
/// In words for the engine's log, if no socket or no configuration was passed in, or the system refuses.
pub fn serve() -> Result<(), String> {
    descriptors::close_strangers().map_err(|e| format!("can't close inherited descriptors: {e}"))?;
    let listener = listenfd::ListenFd::from_env().take_unix_listener(0).ok().flatten();
    let listener = listener.ok_or("no listening socket was passed in: the engine starts this program")?;
    let mut text = String::new();
    std::io::stdin().take(MAX_BOOT_BYTES).read_to_string(&mut text).map_err(|e| format!("no configuration: {e}"))?;
    let config: BootConfig = serde_json::from_str(&text).map_err(|e| format!("a broken configuration: {e}"))?;
    limits::apply(&config.limits).map_err(|e| format!("can't take on its limits: {e}"))?;
    // One thread: a sandbox waits far more than it computes, and each thread costs memory in every sandbox. Those that
    // read and write files come and go.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(4).enable_all().build();
    let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
    runtime.block_on(async move {
        limits::survive_full_files().map_err(|e| e.to_string())?;
        signals::heed_interrupts().map_err(|e| format!("can't take signals on: {e}"))?;
        listener.set_nonblocking(true).map_err(|e| e.to_string())?;
        let listener = tokio::net::UnixListener::from_std(listener).map_err(|e| e.to_string())?;
        let server = ServerConfig { max_connections: limits::max_connections(), ends_with_client: |_| true };
        sandbar_http_server::serve(listener, router(&config), server, CancellationToken::new()).await;
        Ok(())
    })
}
