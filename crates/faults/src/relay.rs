use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const CHUNK: usize = 16 * 1024;

/// Passes the bytes of connections on, whatever they are, until it goes silent: it then takes all bytes and passes none
/// on, closes nothing and resets nothing, as a network that loses packets.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    _connections: JoinSet<()>,
}

#[derive(Default)]
struct State {
    accepted: AtomicUsize,
    /// Connections of a lower number are silent.
    silent_below: AtomicUsize,
}

impl Relay {
    /// Starts one on a port of its own; it ends when it is dropped.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, upstream, Arc::clone(&state)));
        Ok(Self { address, state, _connections: connections })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Passes nothing on from now on, on connections old and new.
    pub fn go_silent(&self) {
        self.state.silent_below.store(usize::MAX, Ordering::SeqCst);
    }

    /// Passes nothing on from now on, on the connections that there are; new ones are served.
    pub fn silence_connections(&self) {
        self.state.silent_below.store(self.connections(), Ordering::SeqCst);
    }
}

impl State {
    fn is_silent(&self, number: usize) -> bool {
        number < self.silent_below.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let number = state.accepted.fetch_add(1, Ordering::SeqCst);
        connections.spawn(serve(client, upstream, Arc::clone(&state), number));
    }
}

async fn serve(client: TcpStream, upstream: SocketAddr, state: Arc<State>, number: usize) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    tokio::join!(pass(client_reads, server_writes, &state, number), pass(server_reads, client_writes, &state, number),);
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State, number: usize) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        if !state.is_silent(number) && to.write_all(&chunk[..length]).await.is_err() {
            break;
        }
    }
    if state.is_silent(number) {
        // The end of one side is not passed on either.
        std::future::pending::<()>().await;
    }
}
