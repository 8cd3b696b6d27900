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
    pub(in crate::http) fn new(driver: Arc<dyn Driver>) -> Self {
        let mut client = Client::builder(TokioExecutor::new());
        client.http1_max_buf_size(MAX_HEADER_BYTES).http1_max_headers(MAX_HEADERS);
        // Without a timer, what is left of a sandbox's connections would stay after its end.
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(MAX_IDLE);
        Self { client: client.build(Connector { driver }) }
    }

    /// The agent's answer; an error is for the log.
    pub(super) async fn request(&self, request: Request) -> Result<Response<Incoming>, String> {
        self.client.request(request).await.map_err(|error| error.to_string())
    }
}

#[derive(Clone)]
struct Connector {
    driver: Arc<dyn Driver>,
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
        Box::pin(async move {
            let id = target.host().and_then(|host| host.rsplit_once('.')).map(|(id, _)| id).unwrap_or_default();
            Ok(TokioIo::new(AgentStream(driver.connect(id).await?)))
        })
    }
}

/// An agent's stream as hyper's client wants it.
struct AgentStream(Box<dyn RuntimeStream>);

impl Connection for AgentStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for AgentStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for AgentStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
