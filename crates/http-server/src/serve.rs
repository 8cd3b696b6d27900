use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::http::request::Parts;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connections::Connections;
use crate::exchange::Exchange;
use crate::listener::Listener;
use crate::stream::ClientStream;

/// How long a new connection may take to send its first request's head.
const FIRST_REQUEST: Duration = Duration::from_secs(20);
/// How long a connection may wait for its next request's head.
const NEXT_REQUEST: Duration = Duration::from_secs(120);
/// How often a silent HTTP/2 client is asked whether it is there, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(30);
/// The most requests in flight on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// How long to wait before the next attempt to accept where the system refuses it, at first and at most.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(20);
const MAX_ACCEPT_BACKOFF: Duration = Duration::from_secs(1);

/// How a server treats its clients.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// The most connections. One more takes the place of the one that has waited longest for a request; if none waits, its
    /// requests are marked as [`Crowded`](crate::Crowded).
    pub max_connections: usize,
    /// Whether a request over HTTP/1 ends when its client closes its sending side. A client that has left can't be told from
    /// one that has only sent all that it has to: such a client gets its answer where this is false.
    pub ends_with_client: fn(&Parts) -> bool,
}

/// Serves until `stop` is cancelled and all requests are answered. Dropping the future closes all connections.
pub async fn serve<L: Listener>(listener: L, router: Router, config: ServerConfig, stop: CancellationToken) {
    let connections = Connections::new(config.max_connections);
    let tasks = TaskTracker::new();
    let dropped = CancellationToken::new();
    let _drop_tasks = dropped.clone().drop_guard();
    let accept_all = async {
        let mut backoff = ACCEPT_BACKOFF;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    backoff = ACCEPT_BACKOFF;
                    let (connection, place) = connections.admit(connections.place().await);
                    let stream = ClientStream::new(stream, connection.clone(), place);
                    let exchange = Exchange { connection, peer, router: router.clone(), config };
                    let serving = serve_connection(stream, exchange, stop.clone());
                    tasks.spawn(dropped.clone().run_until_cancelled_owned(serving));
                }
                Err(error) if is_of_connection(&error) => {}
                Err(error) => {
                    // Mostly there are no descriptors left: those of clients that wait are the ones to do without.
                    tracing::warn!("can't accept a connection: {error}");
                    connections.close_longest_waiting();
                    sleep(backoff).await;
                    backoff = (backoff * 2).min(MAX_ACCEPT_BACKOFF);
                }
            }
        }
    };
    stop.run_until_cancelled(accept_all).await;
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Whether the client was gone before it was accepted.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_connection<S>(stream: ClientStream<S>, exchange: Exchange, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = exchange.connection.clone();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(NEXT_REQUEST);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        // WebSockets over HTTP/2.
        .enable_connect_protocol();
    let service = service_fn(move |request| exchange.clone().begin(request));
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut first_request = pin!(sleep(FIRST_REQUEST));
    let (mut is_in_time, mut is_stopping) = (false, false);
    loop {
        tokio::select! {
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::trace!("a connection ended: {error}");
                }
                break;
            }
            () = connection.is_closed() => break,
            () = &mut first_request, if !is_in_time => {
                if !connection.has_begun() {
                    break;
                }
                is_in_time = true;
            }
            () = stop.cancelled(), if !is_stopping => {
                is_stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
    connection.end();
}
