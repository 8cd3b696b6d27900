//! Making connections: straight, or by a proxy.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use rustls::ClientConfig;
use thiserror::Error;
use tower_service::Service;

use super::HttpError;
use super::proxy_server::Kind;
use crate::Proxies;

/// A command may be silent for hours: the system finds out within a minute whether its connection is still there.
const ALIVE_AFTER: Duration = Duration::from_secs(20);
const ALIVE_AGAIN: Duration = Duration::from_secs(10);
const ALIVE_TRIES: u32 = 3;

/// No connection was made in time.
#[derive(Debug, Error)]
#[error("no connection within {} s", .0.as_secs_f64())]
pub(crate) struct ConnectTimeout(Duration);

/// Makes connections, each within a time limit.
#[derive(Clone)]
pub(super) struct Hop {
    ways: Arc<Ways>,
    limit: Duration,
}

/// What connections are made with.
pub(super) struct Ways {
    tcp: HttpConnector,
    tls: Arc<ClientConfig>,
    /// For a proxy, which speaks HTTP/1.1.
    tls_to_proxy: Arc<ClientConfig>,
    proxies: Proxies,
}

impl Hop {
    pub(super) fn new(ways: Ways, limit: Duration) -> Self {
        Self { ways: Arc::new(ways), limit }
    }
}

impl fmt::Debug for Hop {
    /// Leaves out the proxy, which knows a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hop").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Service<Uri> for Hop {
    type Response = Line;
    type Error = HttpError;
    type Future = BoxFuture<'static, Result<Line, HttpError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Self { ways, limit } = self.clone();
        Box::pin(async move {
            let made = tokio::time::timeout(limit, ways.connect(to)).await;
            made.unwrap_or_else(|_| Err(ConnectTimeout(limit).into()))
        })
    }
}

impl Ways {
    pub(super) fn new(tls: ClientConfig, proxies: Proxies) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(ALIVE_AFTER));
        tcp.set_keepalive_interval(Some(ALIVE_AGAIN));
        tcp.set_keepalive_retries(Some(ALIVE_TRIES));
        let mut tls_to_proxy = tls.clone();
        tls_to_proxy.alpn_protocols.clear();
        Self { tcp, tls: Arc::new(tls), tls_to_proxy: Arc::new(tls_to_proxy), proxies }
    }

    async fn connect(&self, to: Uri) -> Result<Line, HttpError> {
        let tcp = self.tcp.clone();
        let tls = Arc::clone(&self.tls);
        let Some(proxy) = self.proxies.server_before(&to)? else {
            return line(HttpsConnector::from((tcp, tls)), to).await;
        };
        let uri = proxy.uri.clone();
        if proxy.kind != Kind::Http {
            let mut socks = SocksV5::new(uri, tcp).local_dns(proxy.kind == Kind::Socks);
            if let Some((name, password)) = proxy.user() {
                socks = socks.with_auth(name, password);
            }
            return line(HttpsConnector::from((socks, tls)), to).await;
        }
        let to_proxy = HttpsConnector::from((tcp, Arc::clone(&self.tls_to_proxy)));
        if to.scheme_str() == Some("http") {
            let line = line(to_proxy, uri).await?;
            return Ok(Line { forwards: true, ..line });
        }
        let mut tunnel = Tunnel::new(uri, to_proxy);
        if let Some(authorization) = proxy.authorization() {
            tunnel = tunnel.with_auth(authorization);
        }
        line(HttpsConnector::from((tunnel, tls)), to).await
    }
}

async fn line<C>(mut connector: C, to: Uri) -> Result<Line, HttpError>
where
    C: Service<Uri>,
    C::Response: Io + 'static,
    C::Error: Into<HttpError>,
{
    let io = connector.call(to).await.map_err(Into::into)?;
    Ok(Line { io: Box::new(io), forwards: false })
}

/// A connection's bytes. Of one type for all ways, as a client is built anew for each.
trait Io: Read + Write + Connection + Send + Unpin {}

impl<T: Read + Write + Connection + Send + Unpin> Io for T {}

/// A connection.
pub(super) struct Line {
    io: Box<dyn Io>,
    /// Whether what is at its other end passes requests on.
    forwards: bool,
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.forwards)
    }
}

impl Read for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }
}
