//! `sandbar dev -- <command>`, as a developer meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::terminal::Terminal;
use support::{run, sandbar, text, until};
use tempfile::TempDir;

/// Creates a sandbox if there is a body, else lists them; prints the answer.
const CALL: &str = r#"
    const { SEACLOUD_API_KEY: key, SEACLOUD_BASE_URL: base } = process.env;
    const body = process.argv[1];
    fetch(`${base}/api/v1/sandboxes`, { method: body ? "POST" : "GET", headers: { "X-API-Key": key }, body })
        .then((answer) => answer.text())
        .then((text) => process.stdout.write(text));
"#;

fn dev(temporary: &TempDir, script: &str) -> std::process::Command {
    let mut command = sandbar();
    command.env("CALL", CALL).env("TMPDIR", temporary.path()).args(["dev", "--", "sh", "-c", script]);
    command
}

fn is_empty(folder: &TempDir) -> bool {
    fs::read_dir(folder.path()).unwrap().count() == 0
}

#[test]
fn the_program_finds_the_engine_by_its_environment() {
    let temporary = tempfile::tempdir().unwrap();
    let script = r#"
        echo "project:$SEACLOUD_PROJECT_ID"
        node -e "$CALL"
    "#;
    let output = run(dev(&temporary, script).env("SEACLOUD_PROJECT_ID", "of-another-service"));
    assert_eq!(text(&output.stdout), "project:\n[]", "{}", text(&output.stderr));
    assert!(output.status.success() && is_empty(&temporary));
}

#[test]
fn a_program_needs_no_dashes_before_it() {
    let temporary = tempfile::tempdir().unwrap();
    let output = run(sandbar().env("TMPDIR", temporary.path()).args(["dev", "printf", "%s|", "--json", "--", "a"]));
    assert_eq!(text(&output.stdout), "--json|--|a|", "{}", text(&output.stderr));
}

#[test]
fn the_dashboard_is_there_when_it_is_asked_for() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = sandbar();
    command.env("TMPDIR", temporary.path()).args(["dev", "--dashboard", "--", "sh", "-c"]);
    let output = run(command.arg(r#"echo "dashboard: $SEACLOUD_BASE_URL/#key=$SEACLOUD_API_KEY""#));
    let line = text(&output.stdout);
    assert_eq!(text(&output.stderr), line, "it is told on standard error");
    let silent = run(&mut dev(&temporary, "true"));
    assert_eq!((text(&silent.stdout).as_str(), text(&silent.stderr).as_str()), ("", ""));
}

#[test]
fn the_exit_code_is_the_programs_and_nothing_is_left() {
    let temporary = tempfile::tempdir().unwrap();
    let create = r#"node -e "$CALL" '{"waitReady":true}'; exit 3"#;
    assert_eq!(run(&mut dev(&temporary, create)).status.code(), Some(3));
    assert!(is_empty(&temporary));
    assert_eq!(run(&mut dev(&temporary, "kill -TERM $$")).status.code(), Some(143), "128 + SIGTERM");
    assert!(is_empty(&temporary));
}

#[test]
fn signals_are_passed_on() {
    let temporary = tempfile::tempdir().unwrap();
    let script = "trap 'kill $!; echo got it; exit 7' TERM; sleep 60 & echo ready; wait";
    let mut child = dev(&temporary, script).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "got it");
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert!(is_empty(&temporary));
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let temporary = tempfile::tempdir().unwrap();
    let output = run(sandbar().env("TMPDIR", temporary.path()).args(["dev", "--", "no-such-program"]));
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output.stderr).contains("can't run no-such-program"), "{}", text(&output.stderr));
    assert!(is_empty(&temporary));
    let output = run(sandbar().args(["dev"]));
    assert_eq!(output.status.code(), Some(2), "a command is needed");
}

#[test]
fn without_a_program_a_person_gets_a_shell_with_an_engine() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = sandbar();
    command.env("TMPDIR", temporary.path()).env("SHELL", "/bin/sh").arg("dev");
    let mut terminal = Terminal::run(command, 100);
    terminal.shows("`exit` ends both");
    terminal.type_in("echo it is at ${SEACLOUD_BASE_URL%:*}; exit 4\r");
    terminal.shows("it is at http://127.0.0.1");
    assert_eq!(terminal.ends(), Some(4));
    assert!(is_empty(&temporary));
}

#[test]
fn a_given_folder_keeps_its_sandboxes() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("kept");
    let with = |script: &str| {
        let mut command = sandbar();
        command.env("CALL", CALL).arg("dev").arg("--data-dir").arg(&folder).args(["--", "sh", "-c", script]);
        text(&run(&mut command).stdout)
    };
    let created = with(r#"node -e "$CALL" '{"waitReady":true,"metadata":{"a":"1"}}'"#);
    let id = created.split('"').nth(3).unwrap().to_owned();
    let listed = with(r#"node -e "$CALL""#);
    assert!(listed.contains(&id) && listed.contains("restarting"), "{listed}");
    until("gone", || !folder.join("run").exists());
}
