//! A service that does everything right.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sandbar_protocol::{IDEMPOTENCY_KEY_HEADER, IDEMPOTENCY_REPLAYED_HEADER, REQUEST_ID_HEADER};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// An access token, which no error may show.
pub(crate) const TOKEN: &str = "token-that-must-not-show";

/// What a service says of idempotency keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Keys {
    /// It knows nothing of them: each create makes a sandbox.
    Unknown,
    /// It echoes them, and a repeat is answered with the first result.
    Honoured,
}

/// The sandboxes of a service.
#[derive(Debug)]
pub(crate) struct Service {
    keys: Keys,
    /// The live sandboxes by ID, each with the key of its create.
    sandboxes: Mutex<BTreeMap<String, String>>,
    requests: Mutex<usize>,
    made: Mutex<usize>,
}

impl Service {
    pub(crate) fn new(keys: Keys) -> Arc<Self> {
        Arc::new(Self { keys, sandboxes: Mutex::default(), requests: Mutex::default(), made: Mutex::default() })
    }

    /// Listens until the runtime ends.
    pub(crate) async fn listen(self: Arc<Self>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(Arc::clone(&self).serve(stream));
            }
        });
        address
    }

    /// Answers one connection's requests.
    pub(crate) async fn serve(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let handler = service_fn(move |request| Arc::clone(&self).respond(request));
        // A connection that the fault breaks is nothing to report.
        let server = auto::Builder::new(TokioExecutor::new());
        drop(server.serve_connection(TokioIo::new(stream), handler).await);
    }

    /// How many sandboxes were ever made.
    pub(crate) fn made(&self) -> usize {
        *self.made.lock().unwrap()
    }

    /// How many sandboxes there are.
    pub(crate) fn held(&self) -> usize {
        self.sandboxes.lock().unwrap().len()
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        *self.requests.lock().unwrap()
    }

    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        drop(body.collect().await);
        *self.requests.lock().unwrap() += 1;
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let key = header(IDEMPOTENCY_KEY_HEADER);
        let made = self.made();
        let (status, body) = self.answer(head.method.as_str(), head.uri.path(), key.as_deref().unwrap_or_default());
        let replayed = status == 201 && self.made() == made;
        let mut response = Response::builder().status(status);
        response = response.header(REQUEST_ID_HEADER, header(REQUEST_ID_HEADER).unwrap_or_default());
        if let (Keys::Honoured, Some(key)) = (self.keys, key) {
            response = response.header(IDEMPOTENCY_KEY_HEADER, key);
        }
        if replayed {
            response = response.header(IDEMPOTENCY_REPLAYED_HEADER, "true");
        }
        if !body.is_null() {
            response = response.header("content-type", "application/json");
        }
        let text = if body.is_null() { String::new() } else { body.to_string() };
        Ok(response.body(Full::new(Bytes::from(text))).unwrap())
    }

    fn answer(&self, method: &str, path: &str, key: &str) -> (u16, Value) {
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        match (method, path.rsplit('/').next().unwrap_or_default()) {
            ("POST", "sandboxes") => (201, sandbox(&self.create(key))),
            ("GET", "sandboxes") => (200, json!([sandbox("sb-1")])),
            ("POST", "connect") => (200, sandbox("sb-1")),
            ("POST", "heartbeat") => (200, heartbeat()),
            ("POST", _) => (204, Value::Null),
            ("DELETE", id) => {
                self.sandboxes.lock().unwrap().remove(id);
                (204, Value::Null)
            }
            (_, "logs") => (200, json!({"logs": [{"message": "hello", "level": "info"}]})),
            (_, "metrics") => (200, json!({"sandboxID": "sb-1", "items": [], "sandboxes": {}})),
            (_, "summary") => (200, json!({"status": "ok"})),
            (_, "limits") => (200, json!({"resource": "sandboxes"})),
            (_, id) => (200, sandbox(id)),
        }
    }

    fn create(&self, key: &str) -> String {
        let mut sandboxes = self.sandboxes.lock().unwrap();
        let first = sandboxes.iter().find(|(_, known)| self.keys == Keys::Honoured && *known == key);
        if let Some((id, _)) = first {
            return id.clone();
        }
        let mut made = self.made.lock().unwrap();
        *made += 1;
        let id = format!("sb-made-{made}");
        sandboxes.insert(id.clone(), key.to_owned());
        id
    }
}

fn sandbox(id: &str) -> Value {
    json!({
        "sandboxID": id, "templateID": "base", "status": "running", "state": "running",
        "envdAccessToken": TOKEN, "envdUrl": "http://127.0.0.1:1", "metadata": {},
    })
}

fn heartbeat() -> Value {
    json!({"code": 0, "message": "ok", "data": {"received": true, "status": "healthy"}, "request_id": "r-1"})
}
