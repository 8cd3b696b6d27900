use std::time::Duration;

use sandbar_engine::Settings;
use sandbar_engine::http::ends_with_client;
use sandbar_http_server::{ServerConfig, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::TestEngine;

const PATIENCE: Duration = Duration::from_secs(20);

/// An engine that listens, and a sandbox whose agent the test plays.
pub(crate) struct Scene {
    pub(crate) engine: TestEngine,
    pub(crate) id: String,
    pub(crate) token: String,
    port: u16,
    agent: Mutex<mpsc::UnboundedReceiver<DuplexStream>>,
    server: JoinHandle<()>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Scene {
    /// Clients, which are on loopback, are trusted as proxies are.
    pub(crate) async fn set() -> Self {
        let trust_loopback =
            |settings: &mut Settings| settings.urls.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        Self::set_with(trust_loopback).await
    }

    pub(crate) async fn set_with(change: impl FnOnce(&mut Settings)) -> Self {
        let engine = TestEngine::start_in_memory_with(change).await;
        let id = engine.running(json!({})).await;
        let token = token_of(&engine, &id).await;
        let (imposter, agent) = mpsc::unbounded_channel();
        engine.driver.imposters.lock().unwrap().insert(id.clone(), imposter);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = engine.router.clone();
        let config = ServerConfig { max_connections: 100, ends_with_client };
        let server = tokio::spawn(serve(listener, router, config, CancellationToken::new()));
        Self { engine, id, token, port, agent: Mutex::new(agent), server }
    }

    /// A client that has said this; `{id}` and `{token}` stand for the sandbox's.
    pub(crate) async fn client(&self, said: &str) -> Peer<TcpStream> {
        let mut client = Peer(TcpStream::connect(("127.0.0.1", self.port)).await.unwrap());
        client.say(said.replace("{id}", &self.id).replace("{token}", &self.token).as_bytes()).await;
        client
    }

    /// The agent's side of the next connection, and the head of the request on it.
    pub(crate) async fn asked(&self) -> (Peer<DuplexStream>, String) {
        let stream = patient(async { self.agent.lock().await.recv().await }).await.unwrap();
        let mut agent = Peer(stream);
        let head = agent.head().await;
        (agent, head)
    }

    /// The head of the answer to what gets no further than the engine, and its body if it has one.
    pub(crate) async fn answered(&self, said: &str) -> (String, Value) {
        let mut client = self.client(said).await;
        let head = client.head().await;
        let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        patient(client.0.read_exact(&mut body)).await.unwrap();
        (head, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Status and message of a refusal.
    pub(crate) async fn refusal(&self, said: &str) -> (u16, String) {
        let (head, body) = self.answered(said).await;
        (status(&head), body["message"].as_str().unwrap_or_default().to_owned())
    }

    /// What reaches the agent of a request that is let through, which is answered with 200.
    pub(crate) async fn passes(&self, said: &str) -> String {
        let mut client = self.client(said).await;
        let (mut agent, head) = self.asked().await;
        agent.say(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(status(&client.head().await), 200);
        head
    }

    /// Pauses and resumes the sandbox.
    pub(crate) async fn resume(&mut self) {
        self.engine.post(&format!("/sandboxes/{}/pause", self.id), Value::Null).await;
        self.engine.post(&format!("/sandboxes/{}/connect", self.id), json!({})).await;
        self.token = token_of(&self.engine, &self.id).await;
    }
}

pub(crate) async fn token_of(engine: &TestEngine, id: &str) -> String {
    engine.get(&format!("/sandboxes/{id}")).await.text("envdAccessToken").to_owned()
}

/// One end of a connection.
pub(crate) struct Peer<S>(pub(crate) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        patient(self.0.write_all(bytes)).await.unwrap();
    }

    /// Up to the empty line.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(patient(self.0.read_u8()).await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) async fn hears(&mut self, expected: &str) {
        let mut heard = vec![0; expected.len()];
        patient(self.0.read_exact(&mut heard)).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), expected);
    }

    pub(crate) async fn hears_the_end(&mut self) {
        let mut rest = Vec::new();
        // One that was broken off is at its end as well.
        let _ = patient(self.0.read_to_end(&mut rest)).await;
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

pub(crate) async fn patient<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing happened for too long")
}
