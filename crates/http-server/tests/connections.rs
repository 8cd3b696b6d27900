//! A server and its clients, over streams in memory: the clock stands still while something moves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request};
use axum::middleware::from_fn;
use axum::routing::{get, post};
use sandbar_http_server::{Crowded, Listener, ServerConfig, drain_unread_body, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

struct Queue(Mutex<mpsc::UnboundedReceiver<io::Result<DuplexStream>>>);

impl Listener for Queue {
    type Stream = DuplexStream;

    async fn accept(&self) -> io::Result<(DuplexStream, Option<IpAddr>)> {
        let next = self.0.lock().await.recv().await;
        next.unwrap_or_else(|| panic!("the server accepts after its test")).map(|stream| (stream, None))
    }
}

/// What handlers report and wait for.
#[derive(Clone, Default)]
struct Signals {
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
    dropped: CancellationToken,
}

struct Server {
    clients: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    signals: Signals,
}

async fn wait(signals: Signals) -> &'static str {
    let _dropped: DropGuard = signals.dropped.clone().drop_guard();
    signals.begun.notify_one();
    signals.go_on.notified().await;
    "waited"
}

impl Server {
    fn start(max_connections: usize) -> Self {
        let signals = Signals::default();
        let (held, read) = (signals.clone(), signals.clone());
        let endless = || async {
            let chunks = futures_util::stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from(vec![b'x'; 64 * 1024])));
            Body::from_stream(chunks)
        };
        let crowded = |crowded: Option<Extension<Crowded>>| async move { crowded.is_some().to_string() };
        let wait_after_body = move |body: Bytes| async move { format!("{} {}", body.len(), wait(read).await) };
        let router = Router::new()
            .route("/", get(crowded))
            .route("/wait", get(move || wait(held)))
            .route("/read", post(wait_after_body))
            .route("/refuse", post(async |_: Request| "refused"))
            .route("/endless", get(endless))
            .layer(from_fn(drain_unread_body));
        let router = router.route(
            "/run",
            get({
                let signals = signals.clone();
                move || wait(signals)
            }),
        );
        let (clients, queue) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let config = ServerConfig { max_connections, ends_with_client: |parts| parts.uri.path() == "/run" };
        let task = tokio::spawn(serve(Queue(Mutex::new(queue)), router, config, stop.clone()));
        Self { clients, stop, task, signals }
    }

    async fn client(&self, said: &str) -> DuplexStream {
        let (mut client, server) = duplex(64 * 1024);
        self.clients.send(Ok(server)).unwrap();
        client.write_all(said.as_bytes()).await.unwrap();
        client
    }

    /// The whole answer to a request that closes its connection.
    async fn answer(&self, head: &str) -> String {
        rest(self.client(&format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n")).await).await
    }
}

async fn rest(mut client: DuplexStream) -> String {
    let mut all = Vec::new();
    // One that was broken off is at its end as well.
    let _ = client.read_to_end(&mut all).await;
    String::from_utf8(all).unwrap()
}

const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn request_is_answered_at_once_when_unfinished_heads_fill_the_server() {
    let server = Server::start(8);
    let mut unfinished = Vec::new();
    for head in ["", "GET", "PRI * HTTP/2.0", "GET / HTTP/1.1\r\nhost: x\r\n"].iter().cycle().take(100) {
        unfinished.push(server.client(head).await);
    }
    let begun = Instant::now();
    assert!(server.answer("GET / HTTP/1.1").await.ends_with("false"));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn new_connection_is_crowded_when_all_others_are_answered() {
    let server = Server::start(4);
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(server.client(WAIT).await);
        server.signals.begun.notified().await;
    }
    let answer = server.answer("GET / HTTP/1.1").await;
    assert!(answer.contains("connection: close") && answer.ends_with("true"), "{answer}");
    server.signals.go_on.notify_waiters();
    for client in &mut waiting {
        assert_eq!(client.read_u8().await.unwrap(), b'H', "none of them was closed");
    }
}

#[tokio::test(start_paused = true)]
async fn unfinished_head_is_closed_in_time() {
    let server = Server::start(8);
    let begun = Instant::now();
    assert_eq!(rest(server.client("GET / HT").await).await, "");
    assert!(begun.elapsed() <= Duration::from_secs(30), "{:?}", begun.elapsed());
    let mut later = server.client("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    while later.read_u8().await.unwrap() != b'f' {}
    later.write_all(b"GET / HT").await.unwrap();
    rest(later).await;
    assert!(begun.elapsed() <= Duration::from_secs(300), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn request_may_take_long() {
    let server = Server::start(8);
    let client = server.client("GET /wait HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    server.signals.begun.notified().await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    server.signals.go_on.notify_one();
    assert!(rest(client).await.ends_with("waited"));
}

#[tokio::test(start_paused = true)]
async fn client_that_closes_its_sending_side_is_answered() {
    let server = Server::start(8);
    for (said, answer) in [
        (WAIT, "waited"),
        ("POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab", "2 waited"),
        ("POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "2 waited"),
        ("GET /wait HTTP/1.0\r\n\r\n", "waited"),
    ] {
        let mut client = server.client(said).await;
        client.shutdown().await.unwrap();
        server.signals.begun.notified().await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        server.signals.go_on.notify_one();
        let answered = rest(client).await;
        assert!(answered.starts_with("HTTP/1.") && answered.ends_with(answer), "{said:?}: {answered:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn request_ends_with_its_client_where_it_has_to() {
    let server = Server::start(8);
    let mut client = server.client("GET /run HTTP/1.1\r\nhost: x\r\n\r\n").await;
    server.signals.begun.notified().await;
    client.shutdown().await.unwrap();
    server.signals.dropped.cancelled().await;
}

#[tokio::test(start_paused = true)]
async fn body_that_breaks_off_is_no_whole_one() {
    let server = Server::start(8);
    let mut client = server.client("POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nab").await;
    client.shutdown().await.unwrap();
    let answer = rest(client).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn unread_body_is_drained_before_the_answer() {
    let server = Server::start(8);
    let head = "POST /refuse HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut client = server.client(head).await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
    for _ in 0..40 {
        client.write_all(chunk.as_bytes()).await.unwrap();
    }
    client.write_all(b"0\r\n\r\n").await.unwrap();
    assert!(rest(client).await.ends_with("refused"));
}

#[tokio::test(start_paused = true)]
async fn unread_body_is_not_asked_for_when_client_expects_to_be() {
    let server = Server::start(8);
    let head = "POST /refuse HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    let answer = rest(server.client(head).await).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("refused"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn client_that_reads_nothing_of_its_answer_is_closed() {
    let server = Server::start(1);
    let client = server.client("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let read = rest(client).await;
    assert!(read.len() <= 64 * 1024, "it was cut off: {}", read.len());
}

#[tokio::test(start_paused = true)]
async fn server_goes_on_when_accepting_fails() {
    let server = Server::start(8);
    for _ in 0..20 {
        server.clients.send(Err(io::Error::from_raw_os_error(24))).unwrap();
    }
    let begun = Instant::now();
    assert!(server.answer("GET / HTTP/1.1").await.ends_with("false"));
    assert!(begun.elapsed() >= Duration::from_secs(1), "it does not spin: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn stop_ends_waiting_connections_and_answers_requests() {
    let server = Server::start(8);
    let silent = [server.client("").await, server.client("GET").await];
    let client = server.client(WAIT).await;
    server.signals.begun.notified().await;
    server.stop.cancel();
    for client in silent {
        assert_eq!(rest(client).await, "");
    }
    assert!(!server.task.is_finished());
    server.signals.go_on.notify_one();
    assert!(rest(client).await.ends_with("waited"));
    server.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropped_server_closes_its_connections() {
    let server = Server::start(8);
    let client = server.client(WAIT).await;
    server.signals.begun.notified().await;
    server.task.abort();
    assert_eq!(rest(client).await, "");
    assert!(server.signals.dropped.is_cancelled());
}
