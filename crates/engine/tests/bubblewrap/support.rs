//! Real sandboxes for tests: a driver with a folder of its own, commands inside, and a look at them from the host.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use sandbar_engine::driver::{
    Bubblewrap, BubblewrapConfig, Driver, RuntimeLimits, RuntimeNotice, RuntimeSpec, StartReport,
};
use sandbar_protocol::{Diagnostic, LogLevel, RunRequest, RunResponse, RuntimeError, Secret};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};

const PATIENCE: Duration = Duration::from_secs(60);

/// The agent that `npm run build:dev` makes.
pub(crate) fn agent() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/dev/sandbar-agent");
    let agent = std::env::var_os("SANDBAR_AGENT").map_or(built, PathBuf::from);
    assert!(agent.is_file(), "the agent is not at {}: run `npm run build:dev` first", agent.display());
    agent
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Polls a condition until it holds.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A driver, its folder, and what its runtimes told.
pub(crate) struct Host {
    pub(crate) driver: Arc<Bubblewrap>,
    pub(crate) folder: TempDir,
    pub(crate) notices: Mutex<mpsc::Receiver<RuntimeNotice>>,
    pub(crate) sender: mpsc::Sender<RuntimeNotice>,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut BubblewrapConfig)) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), change)
    }

    pub(crate) fn in_folder(folder: TempDir, change: impl FnOnce(&mut BubblewrapConfig)) -> Self {
        let mut config = BubblewrapConfig::new(folder.path(), agent());
        change(&mut config);
        let driver = Arc::new(Bubblewrap::new(config).unwrap());
        let (sender, notices) = mpsc::channel(10_000);
        Self { driver, folder, notices: Mutex::new(notices), sender }
    }

    /// A sandbox that does not run yet.
    pub(crate) fn sandbox(&self) -> Sandbox<'_> {
        self.sandbox_named(format!("sb-{}", uuid::Uuid::new_v4().simple()))
    }

    pub(crate) fn sandbox_named(&self, id: String) -> Sandbox<'_> {
        let home = self.folder.path().join("sandboxes").join(&id).join("home");
        Sandbox { host: self, id, home }
    }

    /// A sandbox that runs.
    pub(crate) async fn running(&self) -> Sandbox<'_> {
        let sandbox = self.sandbox();
        sandbox.start().await.unwrap();
        sandbox
    }

    /// The next line of a log.
    pub(crate) async fn next_line(&self) -> (LogLevel, String) {
        let mut notices = self.notices.lock().await;
        loop {
            let notice = tokio::time::timeout(PATIENCE, notices.recv()).await.expect("no line").unwrap();
            if let RuntimeNotice::Output { level, line, .. } = notice {
                return (level, line);
            }
        }
    }

    pub(crate) async fn next_exit(&self) -> RuntimeNotice {
        let mut notices = self.notices.lock().await;
        loop {
            let notice = tokio::time::timeout(PATIENCE, notices.recv()).await.expect("no notice").unwrap();
            if matches!(notice, RuntimeNotice::Exited { .. }) {
                return notice;
            }
        }
    }
}

pub(crate) struct Sandbox<'a> {
    pub(crate) host: &'a Host,
    pub(crate) id: String,
    /// What is `/root` inside.
    pub(crate) home: PathBuf,
}

impl Sandbox<'_> {
    pub(crate) fn spec(&self) -> RuntimeSpec {
        RuntimeSpec {
            sandbox_id: self.id.clone(),
            generation: 7,
            env_vars: BTreeMap::new(),
            start_command: None,
            ready_command: None,
            workdir: None,
            rootfs: None,
            limits: RuntimeLimits { cpu_count: 1, memory_mb: 512, disk_size_mb: 1024 },
        }
    }

    pub(crate) async fn start(&self) -> Result<StartReport, Diagnostic> {
        self.start_with(|_| {}).await
    }

    pub(crate) async fn start_with(&self, change: impl FnOnce(&mut RuntimeSpec)) -> Result<StartReport, Diagnostic> {
        let mut spec = self.spec();
        change(&mut spec);
        self.host.driver.start(spec, self.host.sender.clone()).await
    }

    pub(crate) async fn start_with_env(&self, name: &str, value: &str) {
        let env_vars = BTreeMap::from([(name.to_owned(), Secret::new(value))]);
        self.start_with(|spec| spec.env_vars = env_vars).await.unwrap();
    }

    pub(crate) async fn stop(&self) {
        self.host.driver.stop(&self.id).await.unwrap();
    }

    pub(crate) async fn destroy(&self) -> Result<(), Diagnostic> {
        self.host.driver.destroy(&self.id).await
    }

    /// `POST` to the agent.
    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> std::io::Result<(StatusCode, Value)> {
        self.request(Method::POST, path, body).await
    }

    /// Any request to the agent.
    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Body>,
    ) -> std::io::Result<(StatusCode, Value)> {
        let stream = self.host.driver.connect(&self.id).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "sandbox").body(body.into()).unwrap();
        let response = sender.send_request(request).await.map_err(std::io::Error::other)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
        connection.abort();
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// `POST /run`.
    pub(crate) async fn execute(&self, request: Value) -> RunResponse {
        let (status, body) = self.post("/run", request.to_string()).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_value(body).unwrap()
    }

    /// What the agent says to a body that it does not take.
    pub(crate) async fn refusal(&self, body: &str) -> (StatusCode, String, String) {
        let (status, body) = self.post("/run", body.to_owned()).await.unwrap();
        let error: RuntimeError = serde_json::from_value(body).unwrap();
        (status, error.code, error.message)
    }

    pub(crate) async fn run(&self, line: &str) -> RunResponse {
        let request = RunRequest { cmd: line.to_owned(), ..RunRequest::default() };
        self.execute(json!(request)).await
    }

    /// The output of a command that succeeds.
    pub(crate) async fn says(&self, line: &str) -> String {
        let answer = self.run(line).await;
        assert_eq!(answer.exit_code, 0, "{line}: {answer:?}");
        answer.stdout.trim().to_owned()
    }

    /// A command fails, with this in its standard error.
    pub(crate) async fn is_refused(&self, line: &str, why: &str) {
        let answer = self.run(line).await;
        assert_ne!(answer.exit_code, 0, "{line}: {answer:?}");
        assert!(answer.stderr.contains(why), "{line}: {answer:?}");
    }

    pub(crate) async fn has(&self, program: &str) -> bool {
        let has = self.run(&format!("command -v {program}")).await.exit_code == 0;
        if !has {
            println!("skipped what needs {program}: this machine's /usr has none");
        }
        has
    }

    /// The error numbers of raw system calls, each given as its number and arguments, where `$text` points to
    /// a text; 0 is success. None without perl.
    pub(crate) async fn errnos(&self, calls: &[&str]) -> Option<Vec<i32>> {
        if !self.has("perl").await {
            return None;
        }
        let calls = calls.iter().map(|call| format!("$!=0; print syscall({call})<0 ? $!+0 : 0, qq(\\n);"));
        let script = format!("my $text = qq(x); {}", calls.collect::<String>());
        let answer = self.execute(json!({ "cmd": "perl", "args": ["-e", script] })).await;
        assert_eq!(answer.exit_code, 0, "{answer:?}");
        Some(answer.stdout.lines().map(|line| line.parse().unwrap()).collect())
    }

    pub(crate) async fn pid_namespace(&self) -> PidNamespace {
        let name = self.says("readlink /proc/self/ns/pid").await;
        let member = members(&name)[0];
        PidNamespace { name, _held: fs::File::open(format!("/proc/{member}/ns/pid")).unwrap() }
    }

    /// Host processes that were started for the sandbox: `bwrap` outside, and the first process of its namespace.
    pub(crate) fn launched(&self) -> Vec<i32> {
        processes().filter(|pid| command_line(*pid).contains(&self.id)).collect()
    }

    /// Whether something of it is mounted for any thread of this process, the launcher's among them.
    pub(crate) fn is_mounted(&self) -> bool {
        let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
        threads
            .filter_map(|thread| fs::read_to_string(thread.path().join("mountinfo")).ok())
            .any(|mounts| mounts.contains(&self.id))
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.launched().is_empty() && !self.is_mounted()
    }
}

pub(crate) fn processes() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

pub(crate) fn command_line(pid: i32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).into_owned()
}

/// A sandbox's pid namespace, held open: the kernel gives the name of one that is gone to the next.
pub(crate) struct PidNamespace {
    name: String,
    _held: fs::File,
}

impl PidNamespace {
    /// The host's process IDs of what runs in it.
    pub(crate) fn members(&self) -> Vec<i32> {
        members(&self.name)
    }
}

fn members(pid_namespace: &str) -> Vec<i32> {
    let is_member = |pid: &i32| {
        let link = fs::read_link(format!("/proc/{pid}/ns/pid"));
        // One that has ended and is not yet collected has no command line.
        link.is_ok_and(|link| link.to_str() == Some(pid_namespace)) && !command_line(*pid).is_empty()
    };
    processes().filter(is_member).collect()
}

/// The user ID of a process on the host.
pub(crate) fn host_uid(pid: i32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    let ids: Vec<u32> = line.split_whitespace().map(|id| id.parse().unwrap()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "real, effective, saved and file system ID differ: {line}");
    ids[0]
}

/// Ended however a test ends.
pub(crate) struct Stray(pub(crate) Child);

impl Drop for Stray {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An executable script, where every user may read it.
pub(crate) fn script(folder: &TempDir, text: &str) -> PathBuf {
    let everyone = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), everyone.clone()).unwrap();
    let path = folder.path().join("script");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, everyone).unwrap();
    path
}
