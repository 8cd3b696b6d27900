use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::admission::AdmissionLimits;
use crate::disk::DiskLimits;
use crate::http::UrlConfig;

/// What an operator may choose of an engine's behaviour. The defaults suit one machine and its user.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Settings {
    /// The most sandboxes that the engine takes on.
    pub limits: AdmissionLimits,
    /// How many warm runtimes to hold, by template. Default none.
    pub warm: BTreeMap<String, usize>,
    /// When the data folder's disk counts as low, and as full.
    pub disk: DiskLimits,
    /// How clients reach the engine.
    pub urls: UrlConfig,
    /// The most connections of clients, and the most to agents; a quarter of the open files unless it is given.
    pub max_connections: Option<usize>,
    /// The folder whose disk is watched: the data folder, once there is one.
    pub data_dir: Option<PathBuf>,
}
