//! A service whose sandboxes become usable at known times, to measure how their waiters notice.
//!
//! `starting-sandboxes [nothing|creates|looks] [from-ms] [to-ms]`: what it holds until then, and how long after its held
//! create, or after `POST /begin`, the first and the last sandbox is usable. It prints the URL that it listens on, and ends
//! with its standard input. Each answer of a usable sandbox ends its timeline with the time since when it is; `GET /counts`
//! says how many requests there were.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::convert::Infallible;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use jiff::Timestamp;
use sandbar_protocol::{
    HAS_NEXT_HEADER, MAX_PAGE, NEXT_TOKEN_HEADER, PREFER_HEADER, PREFERENCE_APPLIED_HEADER, PageToken,
    REQUEST_ID_HEADER,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until};

/// Consecutive sandboxes are usable at times that lie far apart, and all together evenly spread.
const SPREAD: f64 = 0.618_033_988_749_895;
const LONGEST_HOLD: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq)]
enum Holds {
    Nothing,
    Creates,
    Looks,
}

struct Service {
    holds: Holds,
    from: Duration,
    spread: Duration,
    /// When the time of those began that do not wait in their create.
    begun: OnceLock<Moment>,
    sandboxes: RwLock<Vec<Arc<Sandbox>>>,
    creates: AtomicUsize,
    looks: AtomicUsize,
    lists: AtomicUsize,
    connections: AtomicUsize,
}

/// The same time by two clocks.
#[derive(Clone, Copy)]
struct Moment {
    instant: Instant,
    timestamp: Timestamp,
}

impl Moment {
    fn now() -> Self {
        Self { instant: Instant::now(), timestamp: Timestamp::now() }
    }
}

struct Sandbox {
    after: Duration,
    begun: Option<Moment>,
    starting: Value,
    listed: String,
}

impl Sandbox {
    fn new(number: usize, after: Duration, begun: Option<Moment>) -> Self {
        let now = Timestamp::now();
        let listed = json!({
            "templateID": "base", "sandboxID": format!("sb-{number:024x}"), "clientID": "bench",
            "status": "starting", "state": "starting",
            "startedAt": now, "activatedAt": null, "endAt": now + Duration::from_secs(300),
            "timeline": [
                {"phase": "created", "status": "completed", "timestamp": now},
                {"phase": "starting", "status": "in_progress", "timestamp": now, "message": "cold start"},
            ],
            "cpuCount": 2, "memoryMB": 512, "diskSizeMB": 1024, "metadata": {"app": "bench"},
            "lifecycle": {"onTimeout": "kill"},
        });
        let mut starting = listed.clone();
        starting["envdAccessToken"] = Value::Null;
        starting["envdUrl"] = Value::Null;
        Self { after, begun, starting, listed: listed.to_string() }
    }

    fn usable(&self, since: Timestamp) -> String {
        let mut usable = self.starting.clone();
        usable["status"] = "running".into();
        usable["state"] = "running".into();
        usable["activatedAt"] = since.to_string().into();
        usable["envdAccessToken"] = "a".repeat(64).into();
        usable["envdUrl"] = "http://127.0.0.1:1/envd/sb".into();
        if let Some(timeline) = usable["timeline"].as_array_mut() {
            timeline.push(json!({"phase": "ready", "status": "completed", "timestamp": since}));
        }
        usable.to_string()
    }
}

type Answer = Response<Full<Bytes>>;

impl Service {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = head.uri.path().strip_prefix("/api/v1/sandboxes").unwrap_or_default();
        let mut answer = match (head.method, head.uri.path(), path) {
            (Method::GET, "/counts", _) => self.counts(),
            (Method::POST, "/begin", _) => {
                self.begun.get_or_init(Moment::now);
                status(204)
            }
            (Method::POST, _, "") => self.create(&body).await,
            (Method::GET, _, "") => self.list(head.uri.query().unwrap_or_default()),
            (Method::GET, _, path) => {
                let prefers = head.headers.get(PREFER_HEADER).map(|value| value.to_str().unwrap());
                self.look(path.trim_start_matches('/'), prefers).await
            }
            _ => status(404),
        };
        if let Some(id) = head.headers.get(REQUEST_ID_HEADER) {
            answer.headers_mut().insert(REQUEST_ID_HEADER, id.clone());
        }
        answer
    }

    async fn create(&self, body: &[u8]) -> Answer {
        self.creates.fetch_add(1, Ordering::Relaxed);
        let waits = serde_json::from_slice::<Value>(body).unwrap()["waitReady"] == true && self.holds == Holds::Creates;
        let sandbox = {
            let mut sandboxes = self.sandboxes.write().unwrap();
            let number = sandboxes.len();
            let after = self.from + self.spread.mul_f64((number as f64 * SPREAD).fract());
            let sandbox = Arc::new(Sandbox::new(number, after, waits.then(Moment::now)));
            sandboxes.push(Arc::clone(&sandbox));
            sandbox
        };
        if waits {
            self.until(&sandbox, LONGEST_HOLD).await;
        }
        json_of(201, &self.detail(&sandbox))
    }

    async fn look(&self, id: &str, prefers: Option<&str>) -> Answer {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let sandbox = {
            let sandboxes = self.sandboxes.read().unwrap();
            let number = id.strip_prefix("sb-").and_then(|hex| usize::from_str_radix(hex, 16).ok());
            number.and_then(|number| sandboxes.get(number).cloned())
        };
        let Some(sandbox) = sandbox else { return status(404) };
        let wait = prefers.filter(|_| self.holds == Holds::Looks).and_then(|text| text.strip_prefix("wait="));
        let Some(seconds) = wait else { return json_of(200, &self.detail(&sandbox)) };
        self.until(&sandbox, Duration::from_secs(seconds.parse().unwrap())).await;
        let mut answer = json_of(200, &self.detail(&sandbox));
        answer.headers_mut().insert(PREFERENCE_APPLIED_HEADER, "wait".parse().unwrap());
        answer
    }

    /// When it is usable, if its time has begun.
    fn usable_at(&self, sandbox: &Sandbox) -> Option<Moment> {
        let begun = sandbox.begun.or_else(|| self.begun.get().copied())?;
        Some(Moment { instant: begun.instant + sandbox.after, timestamp: begun.timestamp + sandbox.after })
    }

    fn detail(&self, sandbox: &Sandbox) -> String {
        match self.usable_at(sandbox).filter(|usable| usable.instant <= Instant::now()) {
            Some(usable) => sandbox.usable(usable.timestamp),
            None => sandbox.starting.to_string(),
        }
    }

    async fn until(&self, sandbox: &Sandbox, longest: Duration) {
        let latest = Instant::now() + longest;
        sleep_until(self.usable_at(sandbox).map_or(latest, |usable| usable.instant.min(latest))).await;
    }

    /// Newest first; all that are in the list at all are starting, as that is what is asked for.
    fn list(&self, query: &str) -> Answer {
        self.lists.fetch_add(1, Ordering::Relaxed);
        let field = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let limit = field("limit").map_or(MAX_PAGE, |limit| limit.parse().unwrap());
        let offset = field("nextToken").map_or(0, |token| PageToken::decode(&token).unwrap().0);
        let (offset, limit): (usize, usize) = (offset.try_into().unwrap(), limit.try_into().unwrap());
        let sandboxes = self.sandboxes.read().unwrap();
        let now = Instant::now();
        let is_starting = |sandbox: &&Arc<Sandbox>| self.usable_at(sandbox).is_none_or(|usable| usable.instant > now);
        let mut rest = sandboxes.iter().rev().filter(is_starting).skip(offset);
        let page: Vec<&str> = rest.by_ref().take(limit).map(|sandbox| sandbox.listed.as_str()).collect();
        let has_next = rest.next().is_some();
        let mut answer = json_of(200, &format!("[{}]", page.join(",")));
        let headers = answer.headers_mut();
        headers.insert(HAS_NEXT_HEADER, has_next.to_string().parse().unwrap());
        if has_next {
            let next = PageToken((offset + limit).try_into().unwrap()).encode();
            headers.insert(NEXT_TOKEN_HEADER, next.parse().unwrap());
        }
        answer
    }

    fn counts(&self) -> Answer {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let counts = json!({
            "creates": of(&self.creates), "looks": of(&self.looks), "lists": of(&self.lists),
            "connections": of(&self.connections),
        });
        json_of(200, &counts.to_string())
    }
}

fn json_of(status: u16, text: &str) -> Answer {
    let body = Full::new(Bytes::copy_from_slice(text.as_bytes()));
    Response::builder().status(status).header("content-type", "application/json").body(body).unwrap()
}

fn status(status: u16) -> Answer {
    Response::builder().status(status).body(Full::default()).unwrap()
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let holds = match args.next().as_deref() {
        Some("creates") => Holds::Creates,
        Some("looks") => Holds::Looks,
        _ => Holds::Nothing,
    };
    let mut millis = |default| Duration::from_millis(args.next().map_or(default, |text| text.parse().unwrap()));
    let (from, to) = (millis(1_000), millis(10_000));
    let service = Arc::new(Service {
        holds,
        from,
        spread: to.saturating_sub(from),
        begun: OnceLock::new(),
        sandboxes: RwLock::default(),
        creates: AtomicUsize::default(),
        looks: AtomicUsize::default(),
        lists: AtomicUsize::default(),
        connections: AtomicUsize::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("listening on http://{}", listener.local_addr().unwrap());
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service = Arc::clone(&service);
        service.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let handler = service_fn(move |request| {
                let service = Arc::clone(&service);
                async move { Ok::<_, Infallible>(service.answer(request).await) }
            });
            // A client that goes away is nothing to report.
            drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), handler).await);
        });
    }
}
