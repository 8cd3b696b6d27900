//! Real sandboxes through a whole engine, at their `envdUrl`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sandbar_engine::driver::{Bubblewrap, BubblewrapConfig};
use sandbar_engine::{DataDir, Engine, EngineConfig, Settings, SystemClock};
use sandbar_protocol::Secret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{agent, until};

const KEY: &str = "test-key";

/// A program that says what it was asked, or echoes after an upgrade.
const PROGRAM: &str = r#"
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 3000, Listen => 9, ReuseAddr => 1) or die;
while (my $client = $server->accept) {
    next if fork;
    my $head = "";
    while (my $line = <$client>) { last if $line eq "\r\n"; $head .= $line }
    $client->autoflush(1);
    if ($head =~ /^upgrade: /mi) {
        print $client "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        while (sysread($client, my $bytes, 100)) { print $client $bytes }
    } else {
        print $client "HTTP/1.0 200 OK\r\n\r\n$head";
    }
    exit;
}
"#;

/// An engine with one running sandbox.
struct Scene {
    engine: Engine,
    id: String,
    token: String,
    _folder: TempDir,
}

impl Scene {
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(folder.path()).unwrap();
        let driver = Arc::new(Bubblewrap::new(BubblewrapConfig::new(folder.path(), agent())).unwrap());
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let config =
            EngineConfig { listen, api_key: Secret::new(KEY), dashboard: false, settings: Settings::default() };
        let engine = Engine::start(config, data_dir, driver, Arc::new(SystemClock)).await.unwrap();
        let mut scene = Self { engine, id: String::new(), token: String::new(), _folder: folder };
        let created = scene.control("POST", "/sandboxes", json!({ "waitReady": true })).await;
        scene.id = created["sandboxID"].as_str().unwrap().to_owned();
        scene.token = created["envdAccessToken"].as_str().unwrap().to_owned();
        scene
    }

    async fn strike(self) {
        self.engine.shut_down().await;
    }

    async fn dial(&self, head: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.engine.address()).await.unwrap();
        let request = format!("{head}host: engine\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let head = format!("{method} /api/v1{path} HTTP/1.1\r\nx-api-key: {KEY}\r\nconnection: close\r\n");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = rest(&mut self.dial(&head, &body).await).await;
        answer.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body).unwrap_or_default()).unwrap()
    }

    /// A request to the sandbox.
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let head = format!("{method} /envd/{}{path} HTTP/1.1\r\nx-access-token: {}\r\n{headers}", self.id, self.token);
        self.dial(&head, body).await
    }

    async fn run(&self, cmd: &str) -> Value {
        let mut stream = self.ask("POST", "/run", "connection: close\r\n", &json!({ "cmd": cmd }).to_string()).await;
        let answer = rest(&mut stream).await;
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Whether the program is there; not without perl.
    async fn has_program(&self) -> bool {
        if self.run("command -v perl").await["exit_code"] != 0 {
            return false;
        }
        let begun = self.run(&format!("cat > p <<'END'\n{PROGRAM}\nEND\nperl p >/dev/null 2>&1 &")).await;
        assert_eq!(begun["exit_code"], 0, "{begun}");
        until("the program listens", async || self.get("/proxy/3000/").await.starts_with("HTTP/1.1 200")).await;
        true
    }

    async fn get(&self, path: &str) -> String {
        rest(&mut self.ask("GET", path, "connection: close\r\n", "").await).await
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut text)).await;
    // One that was broken off is at its end as well.
    let _ = read.expect("the connection stays open");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_port_of_a_sandbox_is_reached_and_one_that_is_closed_says_so() {
    let scene = Scene::set().await;
    if scene.has_program().await {
        let answer = scene.get("/proxy/3000/a%20b?c=d").await;
        assert!(answer.contains("GET /a%20b?c=d HTTP/1.1") && answer.contains("host: localhost:3000"), "{answer}");
        assert!(answer.contains(&format!("x-forwarded-prefix: /envd/{}/proxy/3000", scene.id)), "{answer}");
    }
    let closed = scene.get("/proxy/3001/").await;
    assert!(closed.starts_with("HTTP/1.1 502"), "{closed}");
    assert!(closed.contains("nothing listens on port 3001 in this sandbox: start a server there first"), "{closed}");
    scene.strike().await;
}

#[tokio::test]
async fn an_upgraded_connection_lasts_as_long_as_its_sandbox_runs() {
    let scene = Scene::set().await;
    if scene.has_program().await {
        let upgrade = "connection: upgrade\r\nupgrade: echo\r\n";
        let mut stream = scene.ask("GET", "/proxy/3000/", upgrade, "").await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        for said in [b"hello", b"\0\r\n\xff!"] {
            let mut heard = [0; 5];
            stream.write_all(said).await.unwrap();
            stream.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, said);
        }
        scene.control("POST", &format!("/sandboxes/{}/pause", scene.id), Value::Null).await;
        assert_eq!(rest(&mut stream).await, "");
    }
    scene.strike().await;
}

#[tokio::test]
async fn a_pause_ends_the_commands_that_are_waited_for() {
    let scene = Scene::set().await;
    let mut waiting = scene.ask("POST", "/run", "", &json!({ "cmd": "sleep 1011" }).to_string()).await;
    until("it runs", async || sleeps(&scene, "1011").await == 1).await;
    scene.control("POST", &format!("/sandboxes/{}/pause", scene.id), Value::Null).await;
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_secs(20), waiting.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 502");
    scene.strike().await;
}

#[tokio::test]
async fn a_client_of_the_engine_that_goes_away_ends_its_command() {
    let scene = Scene::set().await;
    let waiting = scene.ask("POST", "/run", "", &json!({ "cmd": "sleep 1012 & sleep 1012" }).to_string()).await;
    until("it runs", async || sleeps(&scene, "1012").await == 2).await;
    drop(waiting);
    until("nothing of it runs", async || sleeps(&scene, "1012").await == 0).await;
    scene.strike().await;
}

/// How many processes sleep for so long.
async fn sleeps(scene: &Scene, seconds: &str) -> u64 {
    let (last, first) = (&seconds[3..], &seconds[..3]);
    let count = format!("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -c '^{first}[{last}]$'");
    scene.run(&count).await["stdout"].as_str().unwrap().trim().parse().unwrap()
}
