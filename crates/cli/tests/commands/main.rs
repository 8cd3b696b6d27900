//! The commands that people type, against a real engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod create;
mod errors;
mod life;
mod listing;
mod local_engine;
mod logs;
mod other_server;
mod printing;
mod rm;
#[path = "../support/mod.rs"]
mod support;

use std::process::{Command, Output};

use serde_json::Value;
use support::{KEY, Serve, sandbar, text};

/// The command with nothing in its environment that says which server.
fn unconfigured() -> Command {
    let mut command = sandbar();
    let names = ["SEACLOUD_BASE_URL", "SEACLOUD_API_KEY", "SEACLOUD_PROJECT_ID", "E2B_DOMAIN", "E2B_API_KEY"];
    for name in names.into_iter().chain(["NO_COLOR", "CLICOLOR_FORCE", "SANDBAR_LOG"]) {
        command.env_remove(name);
    }
    command.env("XDG_DATA_HOME", "/nowhere");
    command
}

/// The command for a server.
fn command(url: &str, args: &[&str]) -> Command {
    let mut command = unconfigured();
    command.env("SEACLOUD_BASE_URL", url).env("SEACLOUD_API_KEY", KEY).args(args);
    command
}

fn run(serve: &Serve, args: &[&str]) -> Output {
    command(serve.url(), args).output().unwrap()
}

/// What a command prints that must succeed.
fn prints(serve: &Serve, args: &[&str]) -> String {
    let output = run(serve, args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout).trim_end().to_owned()
}

/// The same as JSON.
fn json(serve: &Serve, args: &[&str]) -> Value {
    let printed = prints(serve, &[args, &["--json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// The exit code and the message of a command that must fail.
fn fails(serve: &Serve, args: &[&str]) -> (i32, String) {
    failure(&mut command(serve.url(), args))
}

fn failure(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert_eq!(text(&output.stdout), "", "{command:?}");
    (output.status.code().unwrap(), text(&output.stderr))
}

/// A template of the engine.
fn template(serve: &Serve, name: &str, definition: &str) {
    let folder = serve.folder.path().join("templates");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.toml")), definition).unwrap();
}
