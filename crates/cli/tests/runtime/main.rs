//! The commands that reach into a sandbox, against a real engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod connect;
mod cp;
mod exec;
#[path = "../support/mod.rs"]
mod support;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use support::{KEY, Serve, sandbar, text};

/// An engine with a sandbox.
struct Scene {
    serve: Serve,
    id: String,
}

impl Scene {
    async fn new() -> Self {
        let serve = Serve::start();
        let id = serve.sandbox().await;
        Self { serve, id }
    }

    /// A command for the engine.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = sandbar();
        command.env("SEACLOUD_BASE_URL", self.serve.url()).env("SEACLOUD_API_KEY", KEY);
        for name in ["SEACLOUD_PROJECT_ID", "SANDBAR_LOG", "NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.args(args);
        command
    }

    /// A command that must succeed.
    fn runs(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// `exec` in the sandbox.
    fn exec(&self, args: &[&str]) -> Output {
        self.command(&[&["exec", &self.id], args].concat()).output().unwrap()
    }

    /// What a shell command line in the sandbox prints.
    fn says(&self, line: &str) -> String {
        self.runs(&["exec", &self.id, "--", line])
    }

    /// A place in the sandbox, for `cp`.
    fn at(&self, path: &str) -> String {
        format!("{}:{path}", self.id)
    }
}

/// Runs a command with bytes on its standard input.
fn fed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

/// Bytes that no compression makes small.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    bytes
}
