//! An engine whose driver is a fake: no process is started, and each test says what starts do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub, missing_docs)]

pub mod memory_store;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use sandbar_engine::driver::{
    Driver, FoundRuntime, KnownSandbox, LimitsLevel, RuntimeExit, RuntimeNotice, RuntimeSpec, RuntimeStream,
    StartReport,
};
use sandbar_engine::http::HttpConfig;
use sandbar_engine::logs::{Logs, SqliteLogs};
use sandbar_engine::service::{Service, ServiceParts};
use sandbar_engine::store::{SqliteStore, Store};
use sandbar_engine::templates::Templates;
use sandbar_engine::{Clock, Settings, SystemClock};
use sandbar_protocol::{Diagnostic, MetricSnapshot, Secret};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio::sync::{Notify, Semaphore, mpsc};
use tower::ServiceExt;

use memory_store::{MemoryStore, NoLogs};

pub const KEY: &str = "test-key";

pub struct FakeDriver {
    /// A start takes a permit: none left, and it hangs.
    pub starts: Semaphore,
    pub failure: Mutex<Option<Diagnostic>>,
    /// A stop takes a permit: none left, and it hangs until the driver shuts down.
    pub stops: Semaphore,
    /// The driver shuts down.
    pub ended: Notify,
    pub stop_failure: Mutex<Option<Diagnostic>>,
    pub destroy_failure: Mutex<Option<Diagnostic>>,
    /// What is missing on the machine.
    pub missing: Mutex<Option<Diagnostic>>,
    pub level: Mutex<LimitsLevel>,
    pub report: Mutex<StartReport>,
    /// Nothing that ran before can be taken up.
    pub recovery_failure: Mutex<Option<Diagnostic>>,
    pub warm: Mutex<HashSet<String>>,
    pub warm_failure: Mutex<Option<Diagnostic>>,
    /// How often a runtime was to be warmed.
    pub warmed: AtomicI64,
    pub running: Mutex<HashMap<String, RuntimeSpec>>,
    /// How runtimes ended that nobody has heard of yet.
    pub exits: Mutex<HashMap<String, RuntimeExit>>,
    pub files: Mutex<HashSet<String>>,
    pub notices: Mutex<Option<mpsc::Sender<RuntimeNotice>>>,
    /// Sandboxes whose connections the test takes itself, in place of an agent.
    pub imposters: Mutex<HashMap<String, mpsc::UnboundedSender<DuplexStream>>>,
}

impl Default for FakeDriver {
    fn default() -> Self {
        Self {
            starts: Semaphore::new(1000),
            failure: Mutex::default(),
            stops: Semaphore::new(1000),
            ended: Notify::new(),
            stop_failure: Mutex::default(),
            destroy_failure: Mutex::default(),
            missing: Mutex::default(),
            level: Mutex::new(LimitsLevel {
                name: "cgroup v1".into(),
                cpu: false,
                memory: true,
                disk: true,
                processes: Some(512),
            }),
            report: Mutex::default(),
            recovery_failure: Mutex::default(),
            warm: Mutex::default(),
            warm_failure: Mutex::default(),
            warmed: AtomicI64::default(),
            running: Mutex::default(),
            exits: Mutex::default(),
            files: Mutex::default(),
            notices: Mutex::default(),
            imposters: Mutex::default(),
        }
    }
}

#[async_trait]
impl Driver for FakeDriver {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn check(&self) -> Result<(), Diagnostic> {
        self.missing.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    async fn limits_level(&self) -> LimitsLevel {
        self.level.lock().unwrap().clone()
    }

    async fn recover(
        &self,
        known: &[KnownSandbox],
        notices: mpsc::Sender<RuntimeNotice>,
    ) -> Result<Vec<FoundRuntime>, Diagnostic> {
        *self.notices.lock().unwrap() = Some(notices);
        if let Some(failure) = self.recovery_failure.lock().unwrap().clone() {
            return Err(failure);
        }
        let deleted: HashSet<&str> =
            known.iter().filter(|one| one.is_deleted).map(|one| one.sandbox_id.as_str()).collect();
        let known: HashMap<&str, Option<u64>> = known.iter().map(|one| (one.sandbox_id.as_str(), one.runs)).collect();
        let mut running = self.running.lock().unwrap();
        running.retain(|id, spec| known.get(id.as_str()).copied().flatten() == Some(spec.generation));
        self.files.lock().unwrap().retain(|id| !deleted.contains(id.as_str()));
        let exits = self.exits.lock().unwrap();
        let found = running.values().map(|spec| FoundRuntime {
            sandbox_id: spec.sandbox_id.clone(),
            generation: spec.generation,
            exit: exits.get(&spec.sandbox_id).cloned(),
        });
        Ok(found.collect())
    }

    async fn warm(&self, spec: RuntimeSpec, notices: mpsc::Sender<RuntimeNotice>) -> Result<(), Diagnostic> {
        *self.notices.lock().unwrap() = Some(notices);
        self.warmed.fetch_add(1, Ordering::Relaxed);
        self.files.lock().unwrap().insert(spec.sandbox_id.clone());
        match self.warm_failure.lock().unwrap().clone() {
            Some(diagnostic) => Err(diagnostic),
            None => {
                self.warm.lock().unwrap().insert(spec.sandbox_id);
                Ok(())
            }
        }
    }

    async fn start(&self, spec: RuntimeSpec, notices: mpsc::Sender<RuntimeNotice>) -> Result<StartReport, Diagnostic> {
        self.starts.acquire().await.unwrap().forget();
        self.files.lock().unwrap().insert(spec.sandbox_id.clone());
        *self.notices.lock().unwrap() = Some(notices);
        match self.failure.lock().unwrap().clone() {
            Some(diagnostic) => Err(diagnostic),
            None => {
                let warm = self.warm.lock().unwrap().remove(&spec.sandbox_id);
                self.running.lock().unwrap().insert(spec.sandbox_id.clone(), spec);
                Ok(StartReport { warm, ..self.report.lock().unwrap().clone() })
            }
        }
    }

    async fn stop(&self, sandbox_id: &str) -> Result<(), Diagnostic> {
        tokio::select! {
            permit = self.stops.acquire() => permit.unwrap().forget(),
            () = self.ended.notified() => return Err(Diagnostic::new("keeper_lost", "as the test wants it")),
        }
        if let Some(diagnostic) = self.stop_failure.lock().unwrap().clone() {
            return Err(diagnostic);
        }
        self.running.lock().unwrap().remove(sandbox_id);
        Ok(())
    }

    async fn destroy(&self, sandbox_id: &str) -> Result<(), Diagnostic> {
        if let Some(diagnostic) = self.destroy_failure.lock().unwrap().clone() {
            return Err(diagnostic);
        }
        self.running.lock().unwrap().remove(sandbox_id);
        self.warm.lock().unwrap().remove(sandbox_id);
        self.files.lock().unwrap().remove(sandbox_id);
        Ok(())
    }

    async fn stats(&self, sandbox_id: &str) -> MetricSnapshot {
        MetricSnapshot { sandbox_id: sandbox_id.to_owned(), task_current: Some(1.0), ..MetricSnapshot::default() }
    }

    async fn shut_down(&self) {
        self.ended.notify_waiters();
        self.running.lock().unwrap().clear();
    }

    async fn connect(&self, sandbox_id: &str) -> std::io::Result<Box<dyn RuntimeStream>> {
        if !self.running.lock().unwrap().contains_key(sandbox_id) {
            return Err(std::io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        if let Some(imposter) = self.imposters.lock().unwrap().get(sandbox_id) {
            // One that has gone breaks the connection off.
            let _ = imposter.send(theirs);
            return Ok(Box::new(ours));
        }
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service_fn(echo)),
        );
        Ok(Box::new(ours))
    }
}

/// Answers with what arrived at the agent.
async fn echo(request: Request<hyper::body::Incoming>) -> Result<Response<String>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let headers: Vec<String> = parts.headers.keys().map(ToString::to_string).collect();
    let body = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    let seen = json!({"method": parts.method.as_str(), "uri": parts.uri.to_string(), "headers": headers, "body": body});
    Ok(Response::new(seen.to_string()))
}

/// The runtime's clock, which a test may pause, and how far it was moved on.
pub struct TestClock {
    begun: (Timestamp, tokio::time::Instant),
    ahead_ms: AtomicI64,
}

impl Default for TestClock {
    fn default() -> Self {
        Self { begun: (SystemClock.now(), tokio::time::Instant::now()), ahead_ms: AtomicI64::default() }
    }
}

impl TestClock {
    pub fn advance(&self, duration: Duration) {
        self.ahead_ms.fetch_add(duration.as_millis().try_into().unwrap(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let (wall, monotonic) = self.begun;
        let passed = i64::try_from(monotonic.elapsed().as_millis()).unwrap();
        Timestamp::from_millisecond(wall.as_millisecond() + passed + self.ahead_ms.load(Ordering::Relaxed)).unwrap()
    }
}

pub struct TestEngine {
    pub clock: Arc<TestClock>,
    pub driver: Arc<FakeDriver>,
    pub service: Service,
    pub router: Router,
    pub folder: TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub json: Value,
}

impl Answer {
    pub fn text(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.json))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl TestEngine {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    pub async fn start_in(folder: TempDir) -> Self {
        Self::start_with(folder, |_| {}).await
    }

    pub async fn start_with(folder: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_on(folder, FakeDriver::default(), change).await
    }

    pub async fn start_on(folder: TempDir, driver: FakeDriver, change: impl FnOnce(&mut Settings)) -> Self {
        let store = Arc::new(SqliteStore::open(&folder.path().join("engine.db")).await.unwrap());
        let logs = Arc::new(SqliteLogs::open(&folder.path().join("logs.db")).await.unwrap());
        Self::assemble(store, logs, Arc::new(driver), folder, change).await
    }

    /// One with nothing but this thread in it, for tests that stop the clock.
    pub async fn start_in_memory() -> Self {
        Self::start_on_parts(Arc::default(), Arc::default()).await
    }

    pub async fn start_in_memory_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::assemble(
            Arc::<MemoryStore>::default(),
            Arc::new(NoLogs),
            Arc::default(),
            tempfile::tempdir().unwrap(),
            change,
        )
        .await
    }

    /// The same, on what an earlier one may have worked with.
    pub async fn start_on_parts(store: Arc<MemoryStore>, driver: Arc<FakeDriver>) -> Self {
        Self::assemble(store, Arc::new(NoLogs), driver, tempfile::tempdir().unwrap(), |_| {}).await
    }

    async fn assemble(
        store: Arc<dyn Store>,
        logs: Arc<dyn Logs>,
        driver: Arc<FakeDriver>,
        folder: TempDir,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings::default();
        settings.data_dir = Some(folder.path().to_owned());
        change(&mut settings);
        let urls = settings.urls.clone();
        let templates = Templates::in_data_dir(folder.path());
        let clock = Arc::new(TestClock::default());
        let service = Service::start(
            ServiceParts { store, logs, driver: driver.clone(), clock: clock.clone(), templates },
            settings,
        )
        .await
        .unwrap();
        let http = HttpConfig {
            api_key: Secret::new(KEY),
            local_authority: "127.0.0.1:1".to_owned(),
            urls,
            dashboard: true,
            max_connections: 1000,
        };
        let router = sandbar_engine::http::router(service.clone(), http);
        Self { clock, driver, service, router, folder }
    }

    /// The status and text of an answer that need not be JSON; `path` is the whole one.
    pub async fn text(&self, path: &str, key: Option<&str>) -> (StatusCode, String) {
        let mut request = Request::get(path);
        request =
            key.into_iter().fold(request, |request, key| request.header("authorization", format!("Bearer {key}")));
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.into()).unwrap())
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: parts.status, headers: parts.headers, json }
    }

    pub async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder().method(method).uri(format!("/api/v1{path}")).header("x-api-key", KEY);
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, body).await
    }

    /// A running sandbox's ID.
    pub async fn running(&self, mut options: Value) -> String {
        options["waitReady"] = json!(true);
        let answer = self.post("/sandboxes", options).await;
        assert_eq!((answer.status, answer.text("state")), (StatusCode::CREATED, "running"));
        answer.text("sandboxID").to_owned()
    }

    /// Waits until the sandbox's detail is in `state`.
    pub async fn until(&self, id: &str, state: &str) -> Value {
        let reached = async {
            loop {
                let answer = self.get(&format!("/sandboxes/{id}")).await;
                if answer.json["state"] == state {
                    return answer.json;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached).await.unwrap_or_else(|_| panic!("never {state}"))
    }
}
