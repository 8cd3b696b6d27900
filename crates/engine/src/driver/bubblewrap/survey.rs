use std::fs;
use std::path::PathBuf;

use sandbar_protocol::Diagnostic;

use super::launcher::Launcher;
use super::limits::Limits;
use super::sockets::Sockets;
use super::{BubblewrapConfig, disk_error, probe};
use crate::driver::LimitsLevel;

/// What a machine gives to sandboxes, found by the same looks as a driver's at its start.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Where `bwrap` is, if it is there.
    pub bwrap: Option<PathBuf>,
    /// Whether namespaces like a sandbox's can be made.
    pub namespaces: Result<(), Diagnostic>,
    /// Which limits of sandboxes hold, and by what.
    pub limits: Result<LimitsLevel, Diagnostic>,
}

impl Survey {
    /// Tries it out. The data folder must be one of its own, and is to be removed afterwards; the agent is not looked at. Must be
    /// called within a tokio runtime.
    pub async fn of(config: &BubblewrapConfig) -> Self {
        Self {
            bwrap: probe::find(&config.bwrap).ok(),
            namespaces: namespaces(config).await,
            limits: Limits::open(config).map(|limits| limits.level()),
        }
    }
}

async fn namespaces(config: &BubblewrapConfig) -> Result<(), Diagnostic> {
    // No agent is started: any file will do in its place.
    let agent = config.data_dir.join("agent");
    fs::write(&agent, "").map_err(|error| disk_error("can't write", &agent, &error))?;
    let config = BubblewrapConfig { agent, ..config.clone() };
    let launcher = Launcher::start(&config, &Sockets::open(&config.data_dir)?)?;
    probe::namespaces(&config, &launcher).await
}
