use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use sandbar_protocol::{Diagnostic, Secret};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::driver::Driver;
use crate::error::EngineError;
use crate::http;
use crate::service::Service;
use crate::store::{SqliteStore, StoreError};
use crate::templates::Templates;

/// How long requests may finish after a shutdown was asked for.
const DRAIN: Duration = Duration::from_secs(5);

const STORE_FILE: &str = "engine.db";

/// What an engine needs.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where records, files and templates live; made with mode 0700 if it does not exist.
    pub data_dir: PathBuf,
    /// The key that clients must send.
    pub api_key: Secret,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder can't be used.
    #[error("the data folder {} can't be used: {source}: choose another with --data-dir", folder.display())]
    DataDir {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another engine uses the data folder.
    #[error("another engine uses the data folder {}: stop it, or choose another with --data-dir", .0.display())]
    InUse(PathBuf),
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
    server: JoinHandle<io::Result<()>>,
    /// Held for as long as the data folder is in use.
    _lock: File,
}

impl Engine {
    /// Opens the data folder, takes up what it holds, and accepts requests.
    pub async fn start(
        config: EngineConfig,
        driver: Arc<dyn Driver>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        driver.check().await.map_err(StartError::Driver)?;
        let lock = open_data_dir(&config.data_dir)?;
        let listen_error = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let store = SqliteStore::open(&config.data_dir.join(STORE_FILE)).await?;
        let templates = Templates::in_folder(config.data_dir.join("templates"));
        let service = Service::start(Arc::new(store), driver, clock, templates).await?;
        let router = http::router(service.clone(), config.api_key, &format!("http://{address}"));
        let stop_serving = CancellationToken::new();
        let listener = listener.tap_io(|stream| {
            // Answers are small: waiting to fill a packet only costs time.
            let _ = stream.set_nodelay(true);
        });
        let server = axum::serve(listener, router).with_graceful_shutdown(stop_serving.clone().cancelled_owned());
        let server = tokio::spawn(server.into_future());
        Ok(Self { address, service, stop_serving, server, _lock: lock })
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

/// It holds tokens, environments and other people's files: only its owner may look in.
fn open_data_dir(folder: &Path) -> Result<File, StartError> {
    let unusable = |source| StartError::DataDir { folder: folder.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    // A folder with other things in it is not ours to close: `--data-dir /tmp` is a slip.
    let ours = folder.join(STORE_FILE).exists() || fs::read_dir(folder).map_err(unusable)?.all(is_templates);
    if ours {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
    } else {
        return Err(unusable(io::Error::other("it holds other files, and is no engine's")));
    }
    let lock = File::create(folder.join("lock")).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Templates may be laid into a folder before its engine first starts; a lock is left by one that failed to.
fn is_templates(entry: io::Result<fs::DirEntry>) -> bool {
    entry.is_ok_and(|entry| ["templates", "lock"].iter().any(|name| entry.file_name() == *name))
}
