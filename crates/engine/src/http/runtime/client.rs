use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::driver::{Driver, RuntimeStream};

/// What an agent's answer may have before its body.
const MAX_HEADER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
/// Connections to one agent that wait for the next request, and for how long.
const MAX_IDLE: usize = 8;
const IDLE: Duration = Duration::from_secs(30);

/// An HTTP client whose host names are sandbox IDs.
#[derive(Clone)]
pub(in crate::http) struct AgentClient {
    client: Client<Connector, Body>,
}

impl AgentClient {
    pub(in crate::http) fn new(driver: Arc<dyn Driver>, max_connections: usize) -> Self {
        let places = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
        let mut client = Client::builder(TokioExecutor::new());
        client.http1_max_buf_size(MAX_HEADER_BYTES).http1_max_headers(MAX_HEADERS);
        // Without a timer, what is left of a sandbox's connections would stay after its end.
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(MAX_IDLE);
        Self { client: client.build(Connector { driver, places }) }
    }

    pub(super) async fn request(&self, request: Request) -> Result<Response<Incoming>, AgentError> {
        self.client.request(request).await.map_err(|error| {
            let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
            let is_full = causes.any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_full));
            if is_full { AgentError::TooManyConnections } else { AgentError::NoAnswer(error.to_string()) }
        })
    }
}

/// Why an agent was not asked, or gave no answer of agents.
pub(super) enum AgentError {
    /// There are as many connections as there may be.
    TooManyConnections,
    /// For the log.
    NoAnswer(String),
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::QuotaExceeded
}

#[derive(Clone)]
struct Connector {
    driver: Arc<dyn Driver>,
    places: Arc<Semaphore>,
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<AgentStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let driver = self.driver.clone();
        let place = self.places.clone().try_acquire_owned().map_err(|_| io::ErrorKind::QuotaExceeded);
        Box::pin(async move {
            let id = target.host().and_then(|host| host.rsplit_once('.')).map(|(id, _)| id).unwrap_or_default();
            let place = place?;
            Ok(TokioIo::new(AgentStream { stream: driver.connect(id).await?, _place: place }))
        })
    }
}

/// An agent's stream as hyper's client wants it.
struct AgentStream {
    stream: Box<dyn RuntimeStream>,
    _place: OwnedSemaphorePermit,
}

impl Connection for AgentStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for AgentStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for AgentStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
