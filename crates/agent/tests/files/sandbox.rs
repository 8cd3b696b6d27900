use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use sandbar_protocol::BootConfig;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// An agent whose workspace is a folder that goes with it.
pub(crate) struct Sandbox {
    folder: TempDir,
    router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Sandbox {
    /// Must be called within a tokio runtime.
    pub(crate) fn new() -> Self {
        Self::in_folder(tempfile::tempdir().expect("a folder"))
    }

    /// In memory where that can be: some disks take milliseconds for each directory.
    pub(crate) fn in_memory() -> Self {
        Self::in_folder(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder"))
    }

    fn in_folder(folder: TempDir) -> Self {
        let workdir = folder.path().to_str().map(str::to_owned);
        let router = sandbar_agent::router(&BootConfig { workdir, ..BootConfig::default() });
        Self { folder, router }
    }

    /// A directory with so many levels in it, deeper than any path reaches.
    pub(crate) fn nest(&self, name: &str, levels: usize) {
        fs::create_dir(self.path(name)).expect("a directory");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut folder = openat(CWD, self.path(name), flags, Mode::empty()).expect("a directory");
        for _ in 0..levels {
            mkdirat(&folder, "x", Mode::RWXU).expect("a directory");
            folder = openat(&folder, "x", flags, Mode::empty()).expect("a directory");
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path as the routes show it.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("folders");
        fs::write(path, content).expect("a file");
    }

    pub(crate) fn content(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path(name)).expect("a file")).expect("a text")
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).expect("a file").permissions().mode() & 0o7777
    }

    /// All names in a folder, in order.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Makes so many events of two files, in turn, as the system takes equal ones together.
    pub(crate) fn stir(&self, count: usize) {
        for number in 0..count {
            let path = self.path(if number % 2 == 0 { "even" } else { "odd" });
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
        }
    }

    /// How many of this process's watches stand on the folder.
    pub(crate) fn watches(&self) -> usize {
        let inode = format!("ino:{:x} ", fs::metadata(self.folder.path()).expect("a folder").ino());
        let open = fs::read_dir("/proc/self/fdinfo").expect("a folder").flatten();
        open.filter(|fd| fs::read_to_string(fd.path()).is_ok_and(|info| info.contains(&inode))).count()
    }

    pub(crate) async fn respond(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    /// Begins a stream of `filesystem.Filesystem`.
    pub(crate) async fn stream(&self, method: &str, body: &Value) -> Stream {
        let request = Request::post(format!("/filesystem.Filesystem/{method}"));
        let request = request.header(header::CONTENT_TYPE, "application/connect+json");
        let response = self.respond(request.body(Body::from(body.to_string())).expect("a request")).await;
        assert_eq!(response.status(), 200);
        Stream { body: response.into_body(), pending: Vec::new(), end: None }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.respond(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(Request::get(uri).body(Body::empty()).expect("a request")).await
    }

    pub(crate) async fn get_range(&self, uri: &str, range: &str) -> Answer {
        self.send(Request::get(uri).header(header::RANGE, range).body(Body::empty()).expect("a request")).await
    }

    pub(crate) async fn post_json(&self, uri: &str, body: &Value) -> Answer {
        let request = Request::post(uri).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    pub(crate) async fn post(&self, uri: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(uri).header(header::CONTENT_TYPE, content_type);
        self.send(request.body(body.into()).expect("a request")).await
    }

    pub(crate) async fn post_bytes(&self, uri: &str, body: impl Into<Body>) -> Answer {
        self.post(uri, "application/octet-stream", body).await
    }

    /// A call of `filesystem.Filesystem`.
    pub(crate) async fn call(&self, method: &str, body: &Value) -> Answer {
        self.post_json(&format!("/filesystem.Filesystem/{method}"), body).await
    }

    /// What `Stat` says of a path.
    pub(crate) async fn entry(&self, name: &str) -> Value {
        let answer = self.call("Stat", &json!({ "path": name })).await;
        answer.ok()["entry"].clone()
    }
}

/// A stream of frames.
pub(crate) struct Stream {
    body: Body,
    pending: Vec<u8>,
    /// What the end said.
    pub(crate) end: Option<Value>,
}

impl Stream {
    /// The next message, or nothing at the end. No test waits for one in vain.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((flags, message)) = self.take_frame() {
                if flags == 0 {
                    return Some(message);
                }
                self.end = Some(message);
                return None;
            }
            let next =
                tokio::time::timeout(Duration::from_secs(60), self.body.frame()).await.expect("a message in time");
            let bytes = next.expect("no end without a frame").expect("a frame").into_data().expect("data");
            self.pending.extend_from_slice(&bytes);
        }
    }

    fn take_frame(&mut self) -> Option<(u8, Value)> {
        let (header, rest) = self.pending.split_first_chunk::<5>()?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        let (flags, message) = (header[0], serde_json::from_slice(rest.get(..length)?).expect("JSON"));
        self.pending.drain(..5 + length);
        Some((flags, message))
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The JSON of an answer that is 200.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{:?}", self.body);
        self.json()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("a text")).unwrap_or_default()
    }

    /// Checks an error: its status, its code and a part of what it says.
    pub(crate) fn refused(&self, status: u16, code: &str, says: &str) {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{body}");
        assert_eq!(self.json()["code"], code, "{body}");
        assert!(self.json()["message"].as_str().expect("a message").contains(says), "{body} does not say {says:?}");
    }
}
