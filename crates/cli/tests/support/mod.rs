//! Runs the built `sandbar` and looks at what it leaves behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub, missing_docs)]

pub mod terminal;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioExecutor;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbar_client::{CallOptions, Client, ClientOptions, Config, Environment};
use sandbar_protocol::{CreateOptions, ListQuery, Sandbox};
use serde_json::json;
use tempfile::TempDir;

pub const KEY: &str = "test-key";

/// The agent as `npm run build:dev` makes it.
pub fn agent() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/dev/sandbar-agent");
    let agent = std::env::var_os("SANDBAR_AGENT").map_or(built, PathBuf::from);
    assert!(agent.is_file(), "there is no agent at {}: run `npm run build:dev` first", agent.display());
    agent.canonicalize().unwrap()
}

pub fn sandbar() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbar"));
    command.env("SANDBAR_AGENT", agent()).env_remove("SANDBAR_API_KEY").stdin(Stdio::null());
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder that other users may enter.
pub fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

/// Copies of both programs where every user can run them.
pub fn for_everyone(folder: &Path) -> Command {
    let program = folder.join("sandbar");
    fs::copy(env!("CARGO_BIN_EXE_sandbar"), &program).unwrap();
    fs::copy(agent(), folder.join("sandbar-agent")).unwrap();
    let mut command = Command::new(program);
    command.env_remove("SANDBAR_AGENT").current_dir("/").stdin(Stdio::null());
    if nix::unistd::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    command
}

pub struct Serve {
    pub child: Child,
    /// What it printed until it was ready.
    pub lines: Vec<String>,
    pub folder: TempDir,
    pub args: Vec<String>,
    _out: BufReader<ChildStdout>,
}

impl Serve {
    pub fn start() -> Self {
        Self::start_with(&["--api-key", KEY])
    }

    pub fn start_with(args: &[&str]) -> Self {
        Self::start_by(sandbar(), args)
    }

    /// Starts it by a command that is `sandbar`, or passes its arguments on to it.
    pub fn start_by(command: Command, args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), command, args)
    }

    /// The same on a folder that is there.
    pub fn start_in(folder: TempDir, command: Command, args: &[&str]) -> Self {
        let args = args.iter().map(ToString::to_string).collect();
        let (child, lines, out) = spawn(command, folder.path(), &args);
        Self { child, lines, folder, args, _out: out }
    }

    /// Kills the engine and starts the next one on the same folder.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    /// Starts the next engine after the end of the last.
    pub fn restart(&mut self) {
        self.restart_by(sandbar());
    }

    /// The same by a command that is `sandbar`.
    pub fn restart_by(&mut self, command: Command) {
        (self.child, self.lines, self._out) = spawn(command, self.folder.path(), &self.args);
    }

    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().unwrap();
    }

    pub fn url(&self) -> &str {
        self.lines.last().unwrap().strip_prefix("listening on ").unwrap()
    }

    pub fn client(&self, key: &str) -> Client {
        let options = ClientOptions::from_json(&json!({ "baseUrl": self.url(), "apiKey": key })).unwrap();
        Client::new(Config::new(&options, &Environment::default()).unwrap())
    }

    /// What a command in a sandbox prints.
    pub async fn says(&self, sandbox_id: &str, cmd: &str) -> String {
        let sandbox = self.client(KEY).get(sandbox_id, CallOptions::default()).await.unwrap().value;
        let envd = sandbox.envd.unwrap();
        let request = Request::post(format!("{}/run", envd.envd_url.unwrap()))
            .header("x-access-token", envd.envd_access_token.unwrap().expose());
        let request = request.body(Full::<Bytes>::from(json!({ "cmd": cmd }).to_string())).unwrap();
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        let body = client.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["exit_code"], 0, "{cmd}: {answer}");
        answer["stdout"].as_str().unwrap().trim().to_owned()
    }

    /// A running sandbox.
    pub async fn sandbox(&self) -> String {
        let options = CreateOptions { wait_ready: true, ..CreateOptions::default() };
        self.client(KEY).create(&options, CallOptions::default()).await.unwrap().value.sandbox_id
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Ends it as an operator would; gives back the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.child.wait().unwrap().code()
    }

    /// All that it started: the keeper, and the processes of its sandboxes.
    pub fn processes(&self) -> Vec<u32> {
        descendants(self.child.id())
    }

    /// The same, whichever engine started the keeper.
    pub fn processes_of_keeper(&self) -> Vec<u32> {
        let keeper = self.keeper().unwrap();
        descendants(keeper).into_iter().chain([keeper]).collect()
    }

    /// The processes that hold a sandbox: `bwrap` and what it has started.
    pub fn agents(&self, sandbox_id: &str) -> Vec<u32> {
        let bwraps = self.processes_of_keeper().into_iter().filter(|pid| command_line(*pid).contains(sandbox_id));
        bwraps.flat_map(descendants).collect()
    }

    /// The sandboxes that have files.
    pub fn sandbox_folders(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("sandboxes")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// What it counts, as Prometheus reads it.
    pub async fn report(&self) -> String {
        self.send("GET", "/metrics").await.1
    }

    /// One request without repeats, and its answer.
    pub async fn send(&self, method: &str, path: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url())).header("x-api-key", KEY);
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
        (answer.status().as_u16(), text(&answer.into_body().collect().await.unwrap().to_bytes()))
    }

    /// The process that holds its sandboxes.
    pub fn keeper(&self) -> Option<u32> {
        let lock = self.folder.path().canonicalize().unwrap().join("keeper.lock");
        let holds_it = |pid: &u32| {
            let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target == lock)
        };
        processes().find(|pid| command_line(*pid).ends_with("\0keep\0") && holds_it(pid))
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Killed, it would leave its sandboxes to the next one.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// `sandbar serve`, once it listens, and what it printed until then.
fn spawn(mut command: Command, folder: &Path, args: &Vec<String>) -> (Child, Vec<String>, BufReader<ChildStdout>) {
    command.args(["serve", "--data-dir"]).arg(folder).args(args);
    if !args.iter().any(|arg| arg == "--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut lines: Vec<String> = Vec::new();
    while !lines.last().is_some_and(|line| line.starts_with("listening on ")) {
        let mut line = String::new();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended after {lines:?}");
        lines.push(line.trim_end().to_owned());
    }
    (child, lines, out)
}

/// Whether a process runs: a zombie that nobody has collected yet does not.
pub fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// All processes of the machine.
pub fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// A process's program and arguments, each ended by NUL.
pub fn command_line(pid: u32) -> String {
    text(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default())
}

/// All processes below `pid`.
pub fn descendants(pid: u32) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
    };
    let is_below = |mut process: u32| {
        while let Some(above) = parent(process) {
            if above == pid {
                return true;
            }
            process = above;
        }
        false
    };
    processes().filter(|process| is_below(*process)).collect()
}

/// Waits until `condition` holds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "never {what}");
        std::thread::yield_now();
    }
}

pub fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Every sandbox that the engine lists.
pub async fn list_all(client: &Client) -> Vec<Sandbox> {
    let mut all = Vec::new();
    let mut query = ListQuery::default();
    loop {
        let page = client.list(&query, CallOptions::default()).await.unwrap();
        all.extend(page.sandboxes.value);
        match page.next_token {
            Some(token) => query.next_token = Some(token),
            None => return all,
        }
    }
}

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}
