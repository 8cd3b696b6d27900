use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sandbar_http_server::ServerConfig;
use sandbar_protocol::{Diagnostic, Secret};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::driver::Driver;
use crate::error::EngineError;
use crate::http::{self, HttpConfig};
use crate::logs::SqliteLogs;
use crate::open_files::default_max_connections;
use crate::service::{Service, ServiceParts};
use crate::settings::Settings;
use crate::store::{SqliteStore, StoreError};
use crate::templates::Templates;

/// How long requests may finish after a shutdown was asked for.
const DRAIN: Duration = Duration::from_secs(5);

/// What an engine needs.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The key that clients must send.
    pub api_key: Secret,
    /// Whether the dashboard is served at `/`.
    pub dashboard: bool,
    /// What the operator chose.
    pub settings: Settings,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}: choose another with --listen, port 0 takes a free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The driver can't start sandboxes here.
    #[error("{}{}", .0.message, .0.recommendation.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Driver(Diagnostic),
    /// What the store held can't be taken up.
    #[error(transparent)]
    Recovery(#[from] EngineError),
}

/// A running engine.
pub struct Engine {
    address: SocketAddr,
    service: Service,
    stop_serving: CancellationToken,
    server: JoinHandle<()>,
    /// Held for as long as the data folder is in use.
    _data_dir: DataDir,
}

impl Engine {
    /// Takes up what the data folder holds, and accepts requests.
    pub async fn start(
        config: EngineConfig,
        data_dir: DataDir,
        driver: Arc<dyn Driver>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        driver.check().await.map_err(StartError::Driver)?;
        let listen_error = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let store = SqliteStore::open(&data_dir.store_file()).await?;
        let logs = SqliteLogs::open(&data_dir.logs_file()).await?;
        let templates = Templates::in_data_dir(data_dir.path());
        templates.remove_stale().await;
        let settings = Settings { data_dir: Some(data_dir.path().to_owned()), ..config.settings };
        let parts = ServiceParts { store: Arc::new(store), logs: Arc::new(logs), driver, clock, templates };
        let max_connections = settings.max_connections.unwrap_or_else(default_max_connections);
        let http = HttpConfig {
            api_key: config.api_key,
            local_authority: address.to_string(),
            urls: settings.urls.clone(),
            dashboard: config.dashboard,
            max_connections,
        };
        let service = Service::start(parts, settings).await?;
        let router = http::router(service.clone(), http);
        let stop_serving = CancellationToken::new();
        let server = ServerConfig { max_connections, ends_with_client: http::ends_with_client };
        let server = tokio::spawn(sandbar_http_server::serve(listener, router, server, stop_serving.clone()));
        Ok(Self { address, service, stop_serving, server, _data_dir: data_dir })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets requests finish for up to 5 s, and ends every runtime: no process, mount or socket is left.
    pub async fn shut_down(mut self) {
        self.stop_serving.cancel();
        self.service.shut_down().await;
        if tokio::time::timeout(DRAIN, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}
