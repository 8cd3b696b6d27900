//! A server that answers by route, also with bodies that do not end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{iter, pending};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What comes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Json(u16, Value),
    /// The same after a while.
    Late(Duration, u16, Value),
    /// These bytes, and then nothing more: the body does not end.
    Open(String),
    /// These bytes again and again.
    Endless(&'static str),
    Nothing,
}

type Script = dyn Fn(&str) -> Answer + Send + Sync;

/// A server whose routes a function answers. Dropping it breaks its connections.
pub(crate) struct Routed {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    script: Mutex<Arc<Script>>,
    seen: Mutex<Vec<String>>,
    connections: AtomicUsize,
    breaks: Notify,
}

impl Routed {
    pub(crate) async fn start(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(None, script).await
    }

    pub(crate) async fn start_with(
        tls: Option<TlsAcceptor>,
        script: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            script: Mutex::new(Arc::new(script)),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            breaks: Notify::new(),
        });
        let accepting = tokio::spawn(accept(listener, tls, Arc::clone(&state)));
        Self { address, state, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The routes that were asked for so far, without queries.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Answers otherwise from now on, and breaks all connections.
    pub(crate) fn becomes(&self, script: impl Fn(&str) -> Answer + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Arc::new(script);
        self.state.breaks.notify_waiters();
    }

    /// Waits until a route was asked for.
    pub(crate) async fn until_seen(&self, route: &str) {
        while !self.seen().iter().any(|seen| seen.ends_with(route)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Routed {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        state.connections.fetch_add(1, Ordering::SeqCst);
        let (state, tls) = (Arc::clone(&state), tls.clone());
        tokio::spawn(async move {
            let broken = Arc::clone(&state);
            let handler = service_fn(move |request| respond(request, Arc::clone(&state)));
            let server = auto::Builder::new(TokioExecutor::new());
            let served = async {
                match tls {
                    None => drop(server.serve_connection(TokioIo::new(stream), handler).await),
                    Some(tls) => {
                        let Ok(stream) = tls.accept(stream).await else { return };
                        drop(server.serve_connection(TokioIo::new(stream), handler).await);
                    }
                }
            };
            tokio::select! {
                () = served => {}
                () = broken.breaks.notified() => {}
            }
        });
    }
}

async fn respond(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let (head, body) = request.into_parts();
    let route = head.uri.path().to_owned();
    state.seen.lock().unwrap().push(route.clone());
    drop(body.collect().await);
    let script = Arc::clone(&state.script.lock().unwrap());
    let frame = |text: &str| Ok(Frame::data(Bytes::from(text.to_owned())));
    let (status, kind, body) = match script(&route) {
        Answer::Nothing => std::future::pending().await,
        Answer::Late(after, status, value) => {
            tokio::time::sleep(after).await;
            (status, "application/json", Full::new(Bytes::from(value.to_string())).boxed())
        }
        Answer::Json(status, value) => (status, "application/json", Full::new(Bytes::from(value.to_string())).boxed()),
        Answer::Open(text) => {
            let frames = iter([frame(&text)]).chain(pending());
            (200, "application/connect+json", BodyExt::boxed(StreamBody::new(frames)))
        }
        Answer::Endless(text) => {
            let frames = iter(std::iter::repeat_with(move || frame(text))).then(|frame| async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                frame
            });
            (200, "text/plain", BodyExt::boxed(StreamBody::new(frames)))
        }
    };
    Ok(Response::builder().status(status).header("content-type", kind).body(body).unwrap())
}
