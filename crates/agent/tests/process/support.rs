//! An agent in this process, and what its streams say.

use std::fs;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbar_protocol::{BootConfig, Secret};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tower::ServiceExt;

const PATIENCE: Duration = Duration::from_secs(20);

/// Polls a condition until it holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether a process runs; one that ended and was not asked for its status does not.
pub(crate) fn runs(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

pub(crate) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub(crate) struct Agent {
    router: Router,
    pub(crate) folder: TempDir,
}

impl Drop for Agent {
    /// A test that fails leaves none of its processes: they were started in its folder.
    fn drop(&mut self) {
        let Ok(folder) = self.folder.path().canonicalize() else { return };
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder)) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

impl Agent {
    pub(crate) fn new() -> Self {
        // As `serve` does it: whoever runs the tests may have turned interrupts off.
        drop(signal(SignalKind::interrupt()).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let env_vars =
            [("COLOUR", "red"), ("HOME", path)].map(|(name, value)| (name.to_owned(), Secret::new(value))).into();
        let workdir = Some(path.to_owned());
        let router = sandbar_agent::router(&BootConfig { env_vars, workdir, ..BootConfig::default() });
        Self { router, folder }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, Body) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        (response.status(), response.into_body())
    }

    /// A call whose answer is one JSON text.
    pub(crate) async fn call(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, body) = self.send(Request::post(path).body(body.to_string().into()).unwrap()).await;
        let bytes = body.collect().await.unwrap().to_bytes();
        (status.as_u16(), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// A call of `process.Process` that succeeds.
    pub(crate) async fn ask(&self, name: &str, body: Value) -> Value {
        let (status, answer) = self.call(&format!("/process.Process/{name}"), body.clone()).await;
        assert_eq!(status, 200, "{name} {body}: {answer}");
        answer
    }

    /// Status, code and message of a call of `process.Process` that is refused.
    pub(crate) async fn refusal(&self, name: &str, body: Value) -> (u16, String, String) {
        let (status, answer) = self.call(&format!("/process.Process/{name}"), body).await;
        let text = |field: &str| answer[field].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        (status, text("code"), text("message"))
    }

    pub(crate) async fn run(&self, body: Value) -> Value {
        let (status, answer) = self.call("/run", body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// A process that began.
    pub(crate) async fn start(&self, body: Value) -> Events {
        self.follow("Start", body).await
    }

    /// A shell command line that began.
    pub(crate) async fn shell(&self, line: &str) -> Events {
        self.start(json!({ "process": { "cmd": line } })).await
    }

    pub(crate) async fn connect(&self, pid: u64) -> Events {
        self.follow("Connect", json!({ "process": { "pid": pid } })).await
    }

    async fn follow(&self, name: &str, body: Value) -> Events {
        let request = Request::post(format!("/process.Process/{name}"));
        let request = request.header("content-type", "application/connect+json");
        let (status, answer) = self.send(request.body(body.to_string().into()).unwrap()).await;
        if status != StatusCode::OK {
            panic!("{status}: {:?}", answer.collect().await.unwrap().to_bytes());
        }
        let mut events = Events { body: answer, pending: Vec::new(), pid: 0, cmd_id: String::new() };
        let first = events.next().await.unwrap();
        events.pid = first["event"]["start"]["pid"].as_u64().unwrap();
        events.cmd_id = first["event"]["start"]["cmdId"].as_str().unwrap().to_owned();
        events
    }
}

/// A stream of a process's events.
pub(crate) struct Events {
    body: Body,
    pending: Vec<u8>,
    pub(crate) pid: u64,
    pub(crate) cmd_id: String,
}

/// All that came until the end.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) pty: Vec<u8>,
    pub(crate) end: Value,
}

impl Events {
    /// The next message, or nothing at the stream's end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some((flags, payload)) = self.frame() {
                let payload: Value = serde_json::from_slice(&payload).unwrap();
                if flags == 0 && payload["event"]["keepalive"].is_null() {
                    return Some(payload);
                }
                if flags == 0 {
                    continue;
                }
                assert_eq!((flags, payload), (2, json!({})), "the stream failed");
                assert!(self.body.frame().await.is_none() && self.pending.is_empty(), "more after the end");
                return None;
            }
            let frame = tokio::time::timeout_at(deadline, self.body.frame()).await.expect("the stream is silent");
            self.pending.extend_from_slice(&frame.expect("the stream has no end frame").unwrap().into_data().unwrap());
        }
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let header: [u8; 5] = self.pending.get(..5)?.try_into().unwrap();
        let length = u32::from_be_bytes(header[1..].try_into().unwrap()) as usize;
        let payload = self.pending.get(5..5 + length)?.to_vec();
        self.pending.drain(..5 + length);
        Some((header[0], payload))
    }

    /// Reads on until this text has come, and gives all that came.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let mut all = String::new();
        while !all.contains(text) {
            let event = self.next().await.unwrap_or_else(|| panic!("ended, without {text:?}: {all:?}"));
            let data = &event["event"]["data"];
            for name in ["stdout", "stderr", "pty"] {
                let bytes = STANDARD.decode(data[name].as_str().unwrap_or_default()).unwrap();
                all.push_str(std::str::from_utf8(&bytes).expect("a chunk of whole characters"));
            }
        }
        all
    }

    /// Reads to the end.
    pub(crate) async fn ended(mut self) -> Ended {
        let mut ended = Ended::default();
        while let Some(message) = self.next().await {
            let event = &message["event"];
            assert!(ended.end.is_null(), "after the end: {message}");
            if !event["end"].is_null() {
                ended.end = event["end"].clone();
            }
            let data = |name: &str| STANDARD.decode(event["data"][name].as_str().unwrap_or_default()).unwrap();
            ended.stdout.extend(data("stdout"));
            ended.stderr.extend(data("stderr"));
            ended.pty.extend(data("pty"));
        }
        ended
    }
}

impl Ended {
    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub(crate) fn pty(&self) -> &str {
        std::str::from_utf8(&self.pty).unwrap()
    }
}
