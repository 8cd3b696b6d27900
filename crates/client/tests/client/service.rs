use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, LOCATION};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sandbar_client::{Client, ClientOptions, Config, Environment};
use sandbar_protocol::Secret;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) const KEY: &str = "key-that-must-not-show";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) version: Version,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What the service answers next.
#[derive(Clone)]
pub(crate) enum Reply {
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String, after: Duration, keeps_keys: bool },
    Never,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    pub(crate) fn text(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self::answer(status, headers, body)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::answer(status, Vec::new(), "")
    }

    /// The service's own word that there is no such sandbox.
    pub(crate) fn gone() -> Self {
        let error = json!({ "code": "sandbox_not_found" });
        Self::json(404, &json!({ "code": 404, "message": "no such sandbox", "error": error }))
    }

    fn answer(status: u16, headers: Vec<(&'static str, String)>, body: &str) -> Self {
        Self::Answer { status, headers, body: body.to_owned(), after: Duration::ZERO, keeps_keys: false }
    }

    /// As a service that keeps idempotency keys.
    pub(crate) fn keeping_keys(mut self) -> Self {
        if let Self::Answer { keeps_keys, .. } = &mut self {
            *keeps_keys = true;
        }
        self
    }

    /// After a while.
    pub(crate) fn after(mut self, while_: Duration) -> Self {
        if let Self::Answer { after, .. } = &mut self {
            *after = while_;
        }
        self
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::empty(302).with(LOCATION.as_str(), to)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((Box::leak(name.to_owned().into_boxed_str()), value.to_owned()));
        }
        self
    }
}

/// A service that answers from a script: each request takes the next reply, and the last one stays.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    script: Mutex<Vec<Reply>>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
}

impl Service {
    pub(crate) async fn start(script: Vec<Reply>) -> Self {
        Self::start_with(script, None).await
    }

    pub(crate) async fn start_tls(script: Vec<Reply>, acceptor: TlsAcceptor) -> Self {
        Self::start_with(script, Some(acceptor)).await
    }

    async fn start_with(script: Vec<Reply>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state =
            Arc::new(State { script: Mutex::new(script), seen: Mutex::default(), connections: AtomicUsize::default() });
        tokio::spawn(accept(listener, tls, Arc::clone(&state)));
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn client(&self) -> Client {
        client_of(&ClientOptions::default(), &self.url())
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        state.connections.fetch_add(1, Ordering::SeqCst);
        let (state, tls) = (Arc::clone(&state), tls.clone());
        tokio::spawn(async move {
            let handler = service_fn(move |request| respond(request, Arc::clone(&state)));
            let server = auto::Builder::new(TokioExecutor::new());
            // A client that does not trust the certificate ends the handshake: nothing to report.
            match tls {
                None => drop(server.serve_connection(TokioIo::new(stream), handler).await),
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    drop(server.serve_connection(TokioIo::new(stream), handler).await);
                }
            }
        });
    }
}

async fn respond(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let key = head.headers.get("idempotency-key").cloned();
    state.seen.lock().unwrap().push(Seen {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
        version: head.version,
    });
    let reply = {
        let mut script = state.script.lock().unwrap();
        if script.len() > 1 { script.remove(0) } else { script[0].clone() }
    };
    match reply {
        Reply::Never => std::future::pending().await,
        Reply::Answer { status, headers, body, after, keeps_keys } => {
            tokio::time::sleep(after).await;
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            if let Some(key) = key.filter(|_| keeps_keys) {
                response = response.header("idempotency-key", key);
            }
            Ok(response.body(Full::new(Bytes::from(body))).unwrap())
        }
    }
}

/// A client of a service, with the tests' key unless the options have one.
pub(crate) fn client_of(options: &ClientOptions, base_url: &str) -> Client {
    let mut options = options.clone();
    options.base_url = Some(base_url.to_owned());
    options.api_key.get_or_insert_with(|| Secret::new(KEY));
    Client::new(Config::new(&options, &Environment::default()).unwrap())
}
