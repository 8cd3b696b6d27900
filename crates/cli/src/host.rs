use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sandbar_engine::driver::{Bubblewrap, BubblewrapConfig, Driver};
use sandbar_engine::keeper::{self, KeeperCommand, KeeperConfig, KeptDriver};
use sandbar_engine::{DataDir, Engine, EngineConfig, Settings, StartError, SystemClock};
use sandbar_protocol::Secret;

use crate::exit::CliError;

/// Starts an engine in this process. Its sandboxes outlive it, if it is killed, for as long as this, or not at all.
pub(crate) async fn start(
    listen: SocketAddr,
    data_dir: &Path,
    api_key: &str,
    outlive: Duration,
    dashboard: bool,
    settings: Settings,
) -> Result<Engine, CliError> {
    let data_dir = DataDir::open(data_dir)?;
    let config = KeeperConfig { driver: BubblewrapConfig::new(data_dir.path(), agent()?), outlive };
    let driver = driver(config).await?;
    let config = EngineConfig { listen, api_key: Secret::new(api_key), dashboard, settings };
    Ok(Engine::start(config, data_dir, driver, Arc::new(SystemClock)).await?)
}

async fn driver(config: KeeperConfig) -> Result<Arc<dyn Driver>, CliError> {
    if config.outlive.is_zero() {
        // One that an earlier engine left has the folder until its end.
        KeptDriver::retire(&config).await.map_err(StartError::Driver)?;
        return Ok(Arc::new(Bubblewrap::new(config.driver).map_err(StartError::Driver)?));
    }
    let program = this_program()?;
    let command = KeeperCommand { program, args: vec!["keep".into()] };
    Ok(Arc::new(KeptDriver::open(config, command).await.map_err(StartError::Driver)?))
}

/// Runs the process that holds another engine's sandboxes.
pub(crate) async fn keep() -> Result<u8, CliError> {
    let config = KeeperConfig::from_stdin().map_err(StartError::Driver)?;
    keeper::run(config).await.map_err(StartError::Driver)?;
    Ok(0)
}

/// The agent's binary: `SANDBAR_AGENT`, else beside this one.
pub(crate) fn agent() -> Result<PathBuf, CliError> {
    if let Some(path) = std::env::var_os("SANDBAR_AGENT") {
        return Ok(path.into());
    }
    Ok(this_program()?.with_file_name("sandbar-agent"))
}

fn this_program() -> Result<PathBuf, CliError> {
    let system = |source| CliError::System { what: "can't tell where this program is".to_owned(), source };
    std::env::current_exe().map_err(system)
}
