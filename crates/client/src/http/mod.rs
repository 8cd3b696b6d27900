//! HTTP over a pool of kept-alive connections: hyper-util's client, with TLS and proxies.

mod answer;
mod carrier;
mod hop;
mod proxy_server;

use std::error::Error;
use std::io;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::{HeaderValue, PROXY_AUTHORIZATION};
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

pub(crate) use answer::HttpAnswer;
pub(crate) use carrier::Carrier;
pub(crate) use hop::ConnectTimeout;
pub(crate) use proxy_server::ProxyServer;

use crate::Proxies;
use hop::{Hop, Ways};

/// How many connections are kept for later calls: a burst of calls needs more only while it lasts.
const MOST_IDLE: usize = 256;
const IDLE_FOR: Duration = Duration::from_secs(60);
/// An HTTP/2 connection with requests on it is asked this often whether it is still there, and has this long to answer.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no answer, or no more of it.
pub(crate) type HttpError = Box<dyn Error + Send + Sync>;
/// The body of a request.
pub(crate) type Outgoing = Either<Full<Bytes>, UnsyncBoxBody<Bytes, io::Error>>;

/// A pool of connections.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client<Hop, Outgoing>,
    proxies: Proxies,
}

impl Http {
    /// A pool whose connections are made within `connect_timeout` each.
    pub(crate) fn new(tls: ClientConfig, proxies: Proxies, connect_timeout: Duration) -> Self {
        Self::with_idle(MOST_IDLE, tls, proxies, connect_timeout)
    }

    /// One that keeps no connection: each request goes on a new one.
    pub(crate) fn without_pool(tls: ClientConfig, proxies: Proxies, connect_timeout: Duration) -> Self {
        Self::with_idle(0, tls, proxies, connect_timeout)
    }

    fn with_idle(most_idle: usize, tls: ClientConfig, proxies: Proxies, connect_timeout: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(most_idle)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build(Hop::new(Ways::new(tls, proxies.clone()), connect_timeout));
        Self { client, proxies }
    }

    /// Sends a request. The body of its answer is left to be read.
    pub(crate) async fn send(&self, mut request: Request<Outgoing>) -> Result<HttpAnswer, HttpError> {
        let at = request.uri().clone();
        if let Some(authorization) = self.for_proxy(&at)? {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        let carrier = Carrier::of(&mut request);
        Ok(HttpAnswer::new(self.client.request(request).await?, at, carrier))
    }

    /// What a proxy wants to know that forwards a request, and does not connect through.
    fn for_proxy(&self, at: &Uri) -> Result<Option<HeaderValue>, HttpError> {
        if at.scheme_str() != Some("http") {
            return Ok(None);
        }
        Ok(self.proxies.server_before(at)?.and_then(|proxy| proxy.authorization()))
    }
}

/// Scheme, host and port, for messages.
pub(crate) fn origin_of(uri: &Uri) -> String {
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    format!("{}://{authority}", uri.scheme_str().unwrap_or_default())
}
