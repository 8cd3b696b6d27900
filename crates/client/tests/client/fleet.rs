//! A service with many sandboxes, whose states the test sets.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sandbar_client::{Client, ClientOptions};
use sandbar_protocol::PageToken;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::form_urlencoded;

use crate::service::client_of;

/// What the list of starting sandboxes is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum List {
    /// As the contract says.
    Honest,
    /// Every sandbox, whatever was asked for.
    Unfiltered,
    /// Of at most this many entries a page, with tokens that are no offsets.
    OwnPages(usize),
    /// Nothing at all.
    Empty,
    /// Every sandbox as starting, for ever.
    Stale,
    /// Those of others as well, many more than ours.
    Crowded,
    /// Not JSON.
    Broken,
    /// This status.
    Refused(u16),
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The sandbox; none for the list.
    pub(crate) about: Option<String>,
    pub(crate) prefer: Option<String>,
    pub(crate) team: Option<String>,
    pub(crate) is_traced: bool,
}

pub(crate) struct Fleet {
    url: String,
    state: Arc<State>,
}

struct State {
    list: List,
    holds: bool,
    sandboxes: watch::Sender<BTreeMap<String, &'static str>>,
    asked: Mutex<Vec<Asked>>,
}

impl Fleet {
    /// A service with this many starting sandboxes, `sb-0` and so on, of which it does not hold looks.
    pub(crate) async fn start(count: usize, list: List) -> Self {
        Self::serve(count, list, false).await
    }

    /// The same of which it holds looks.
    pub(crate) async fn start_holding(count: usize) -> Self {
        Self::serve(count, List::Honest, true).await
    }

    async fn serve(count: usize, list: List, holds: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sandboxes = (0..count).map(|number| (format!("sb-{number}"), "starting")).collect();
        let state = State { list, holds, sandboxes: watch::Sender::new(sandboxes), asked: Mutex::default() };
        let state = Arc::new(state);
        tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { url, state }
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(&ClientOptions::default())
    }

    pub(crate) fn client_with(&self, options: &ClientOptions) -> Client {
        client_of(options, &self.url)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn set(&self, sandbox_id: &str, state: &'static str) {
        self.state.sandboxes.send_modify(|sandboxes| *sandboxes.get_mut(sandbox_id).unwrap() = state);
    }

    pub(crate) fn set_all(&self, state: &'static str) {
        self.state.sandboxes.send_modify(|sandboxes| sandboxes.values_mut().for_each(|value| *value = state));
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    pub(crate) fn looks(&self) -> usize {
        self.asked().iter().filter(|asked| asked.about.is_some()).count()
    }

    pub(crate) fn lists(&self) -> usize {
        self.asked().iter().filter(|asked| asked.about.is_none()).count()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let handler = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, Infallible>(state.answer(&request).await) }
            });
            drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), handler).await);
        });
    }
}

impl State {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let about = request.uri().path().strip_prefix("/api/v1/sandboxes/").map(str::to_owned);
        let prefer = header("prefer");
        let (team, is_traced) = (header("x-team"), header("traceparent").is_some());
        let asked = Asked { about: about.clone(), prefer: prefer.clone(), team, is_traced };
        self.asked.lock().unwrap().push(asked);
        match about {
            Some(id) => self.look(&id, prefer.as_deref()).await,
            None => self.list(request.uri().query().unwrap_or_default()),
        }
    }

    async fn look(&self, id: &str, prefer: Option<&str>) -> Response<Full<Bytes>> {
        let mut sandboxes = self.sandboxes.subscribe();
        let wait = prefer.filter(|_| self.holds).and_then(|prefer| prefer.strip_prefix("wait=")?.parse().ok());
        if let Some(seconds) = wait {
            let changed = sandboxes.wait_for(|sandboxes| sandboxes[id] != "starting");
            let _ = tokio::time::timeout(Duration::from_secs(seconds), changed).await.is_ok();
        }
        let state = self.sandboxes.borrow()[id];
        let response = Response::builder().status(200);
        let response = if wait.is_some() { response.header("preference-applied", "wait") } else { response };
        response.body(body(&entry(id, state))).unwrap()
    }

    fn list(&self, query: &str) -> Response<Full<Bytes>> {
        let pairs: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!((pairs["state"].as_str(), pairs["limit"].as_str()), ("starting", "100"));
        let sandboxes = self.sandboxes.borrow().clone();
        let starting = sandboxes.iter().filter(|(_, state)| **state == "starting");
        let entries: Vec<Value> = match self.list {
            List::Refused(status) => return Response::builder().status(status).body(Full::default()).unwrap(),
            List::Broken => return Response::builder().body(body(&json!("a gateway's page"))).unwrap(),
            List::Empty => Vec::new(),
            List::Honest | List::OwnPages(_) => starting.map(|(id, state)| entry(id, state)).collect(),
            List::Unfiltered => sandboxes.iter().map(|(id, state)| entry(id, state)).collect(),
            List::Stale => sandboxes.keys().map(|id| entry(id, "starting")).collect(),
            List::Crowded => (0..1_500).map(|number| entry(&format!("other-{number}"), "starting")).collect(),
        };
        let (limit, mark) = if let List::OwnPages(limit) = self.list { (limit, "own-") } else { (100, "") };
        let token = pairs.get("nextToken").map(|token| token.strip_prefix(mark).unwrap());
        let offset: usize = token.map_or(0, |token| PageToken::decode(token).unwrap().0.try_into().unwrap());
        let end = (offset + limit).min(entries.len());
        let page = entries.get(offset..end).unwrap_or_default();
        let response = Response::builder().header("x-has-next", (end < entries.len()).to_string());
        let next = format!("{mark}{}", PageToken(end.try_into().unwrap()).encode());
        let response = if end < entries.len() { response.header("x-next-token", next) } else { response };
        response.body(body(&json!(page))).unwrap()
    }
}

fn entry(id: &str, state: &str) -> Value {
    json!({"sandboxID": id, "state": state, "status": state, "metadata": {"sandboxID": "sb-0"}, "timeline": []})
}

fn body(value: &Value) -> Full<Bytes> {
    Full::new(Bytes::from(value.to_string()))
}
