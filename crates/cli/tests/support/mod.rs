//! Runs the built `sandbar` and looks at what it leaves behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub, missing_docs)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbar_client::{CallOptions, Client, ClientOptions, Config, Environment};
use sandbar_protocol::CreateOptions;
use serde_json::json;
use tempfile::TempDir;

pub const KEY: &str = "test-key";

/// The agent as `npm run build` makes it.
pub fn agent() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/sandbar-agent");
    let agent = std::env::var_os("SANDBAR_AGENT").map_or(built, PathBuf::from);
    assert!(agent.is_file(), "there is no agent at {}: run `npm run build` first", agent.display());
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
    _out: BufReader<ChildStdout>,
}

impl Serve {
    pub fn start() -> Self {
        Self::start_with(&["--api-key", KEY])
    }

    pub fn start_with(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = sandbar();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path()).args(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.starts_with("listening on ")) {
            let mut line = String::new();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended after {lines:?}");
            lines.push(line.trim_end().to_owned());
        }
        Self { child, lines, folder, _out: out }
    }

    pub fn url(&self) -> &str {
        self.lines.last().unwrap().strip_prefix("listening on ").unwrap()
    }

    pub fn client(&self, key: &str) -> Client {
        let options = ClientOptions::from_json(&json!({ "baseUrl": self.url(), "apiKey": key })).unwrap();
        Client::new(Config::new(&options, &Environment::default()).unwrap())
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

    /// The processes of its sandboxes.
    pub fn bwraps(&self) -> Vec<u32> {
        descendants(self.child.id())
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All processes below `pid`.
pub fn descendants(pid: u32) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
    };
    let all: Vec<u32> =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    let is_below = |mut process: u32| {
        while let Some(above) = parent(process) {
            if above == pid {
                return true;
            }
            process = above;
        }
        false
    };
    all.into_iter().filter(|process| is_below(*process)).collect()
}

/// Waits until `condition` holds.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "never {what}");
        std::thread::yield_now();
    }
}

pub fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}
