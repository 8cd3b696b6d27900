//! The server as a process, met by the client that is measured against it.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sandbar_client::{CallOptions, Client, ClientOptions, Config, Environment};
use sandbar_protocol::{CreateOptions, PublicState, Secret, TimeoutOptions};

/// The server, which ends with its test.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fixed-answers"));
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, url }
    }

    fn client(&self, ca: Option<String>) -> Client {
        let options = ClientOptions {
            base_url: Some(self.url.clone()),
            api_key: Some(Secret::new("bench-key")),
            ca,
            ..ClientOptions::default()
        };
        Client::new(Config::new(&options, &Environment::default()).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn call() -> CallOptions {
    CallOptions::default()
}

#[tokio::test]
async fn every_call_gets_the_answer_of_a_running_sandbox() {
    let server = Server::start(&[]);
    let client = server.client(None);
    let created = client.create(&CreateOptions::default(), call()).await.unwrap();
    let sandbox = created.value;
    assert_eq!((created.status, sandbox.state), (201, Some(PublicState::Running)));
    assert!((800..1_000).contains(&created.text.len()), "{} bytes", created.text.len());
    assert_eq!(sandbox.timeline.len(), 4);
    let id = sandbox.sandbox_id;
    let detail = client.get(&id, call()).await.unwrap().value;
    assert_eq!((detail.sandbox_id.as_str(), detail.memory_mb), (id.as_str(), Some(512)));
    client.set_timeout(&id, &TimeoutOptions { timeout: 60 }, call()).await.unwrap();
    assert!(client.delete(&id, call()).await.unwrap());
    let other = client.create(&CreateOptions::default(), call()).await.unwrap().value;
    assert_ne!(other.sandbox_id, id);
}

#[tokio::test]
async fn answers_are_held_back_for_the_latency() {
    let server = Server::start(&["--latency-ms", "100"]);
    let begun = std::time::Instant::now();
    server.client(None).create(&CreateOptions::default(), call()).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn it_speaks_tls_with_an_authority_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let server = Server::start(&["--tls-ca", file.to_str().unwrap()]);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let ca = std::fs::read_to_string(&file).unwrap();
    server.client(Some(ca)).create(&CreateOptions::default(), call()).await.unwrap();
}
