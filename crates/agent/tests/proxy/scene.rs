use std::time::Duration;

use sandbar_protocol::BootConfig;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(20);

/// An agent, and a port on which the test plays a program.
pub(crate) struct Scene {
    agent: TcpListener,
    program: TcpListener,
    folder: TempDir,
}

impl Scene {
    pub(crate) async fn set() -> Running {
        Self::with_program_at("127.0.0.1:0").await
    }

    pub(crate) async fn with_program_at(address: &str) -> Running {
        let agent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let program = TcpListener::bind(address).await.unwrap();
        Self { agent, program, folder: tempfile::tempdir().unwrap() }.run()
    }

    fn run(self) -> Running {
        let workdir = Some(self.folder.path().display().to_string());
        let router = sandbar_agent::router(&BootConfig { workdir, ..BootConfig::default() });
        let agent = self.agent.local_addr().unwrap().port();
        let server = tokio::spawn(async move { drop(axum::serve(self.agent, router).await) });
        let port = self.program.local_addr().unwrap().port();
        Running { agent, program: self.program, port, server, _folder: self.folder }
    }
}

pub(crate) struct Running {
    agent: u16,
    program: TcpListener,
    pub(crate) port: u16,
    server: tokio::task::JoinHandle<()>,
    _folder: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Running {
    /// A client that has said this to the agent; `{port}` stands for the program's.
    pub(crate) async fn client(&self, said: &str) -> Peer {
        let mut client = Peer(TcpStream::connect(("127.0.0.1", self.agent)).await.unwrap());
        client.say(said.replace("{port}", &self.port.to_string()).as_bytes()).await;
        client
    }

    /// The program's side of the next connection, and the head of the request on it.
    pub(crate) async fn asked(&self) -> (Peer, String) {
        let (stream, _) = patient(self.program.accept()).await.unwrap();
        let mut program = Peer(stream);
        let head = program.head().await;
        (program, head)
    }

    /// Status and JSON of the answer to what gets no further than the agent.
    pub(crate) async fn refusal(&self, said: &str) -> (u16, Value) {
        self.client(said).await.refused().await
    }

    /// Frees the program's port.
    pub(crate) fn close_program(self) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.set_nonblocking(true).unwrap();
        let mut scene = self;
        scene.program = TcpListener::from_std(free).unwrap();
        scene
    }
}

/// One end of a connection.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        patient(self.0.write_all(bytes)).await.unwrap();
    }

    /// Up to the empty line, in lower case as far as names go.
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

    pub(crate) async fn refused(&mut self) -> (u16, Value) {
        let head = self.head().await;
        let length = header(&head, "content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        patient(self.0.read_exact(&mut body)).await.unwrap();
        (status(&head), serde_json::from_slice(&body).unwrap())
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
