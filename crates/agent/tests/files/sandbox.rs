use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
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
        let folder = tempfile::tempdir().expect("a folder");
        let workdir = folder.path().to_str().map(str::to_owned);
        let router = sandbar_agent::router(&BootConfig { workdir, ..BootConfig::default() });
        Self { folder, router }
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

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
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
