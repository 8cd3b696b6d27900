use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandbar_engine::driver::{Bubblewrap, BubblewrapConfig};
use sandbar_engine::{DataDir, Engine, EngineConfig, Settings, StartError, SystemClock};
use sandbar_protocol::Secret;

use crate::exit::CliError;

/// Starts an engine in this process.
pub(crate) async fn start(listen: SocketAddr, data_dir: &Path, api_key: &str) -> Result<Engine, CliError> {
    let data_dir = DataDir::open(data_dir)?;
    let driver = Bubblewrap::new(BubblewrapConfig::new(data_dir.path(), agent()?)).map_err(StartError::Driver)?;
    let config = EngineConfig { listen, api_key: Secret::new(api_key), settings: Settings::default() };
    Ok(Engine::start(config, data_dir, Arc::new(driver), Arc::new(SystemClock)).await?)
}

/// The agent's binary: `SANDBAR_AGENT`, else beside this one.
fn agent() -> Result<PathBuf, CliError> {
    if let Some(path) = std::env::var_os("SANDBAR_AGENT") {
        return Ok(path.into());
    }
    let system = |source| CliError::System { what: "can't tell where this program is".to_owned(), source };
    let exe = std::env::current_exe().map_err(system)?;
    Ok(exe.with_file_name("sandbar-agent"))
}
