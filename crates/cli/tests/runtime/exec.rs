//! `sandbar exec`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::terminal::Terminal;
use crate::support::{text, until};
use crate::{Scene, fed, noise};

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

#[tokio::test]
async fn output_streams_are_kept_apart_and_the_exit_code_is_the_commands() {
    let scene = Scene::new().await;
    let output = scene.exec(&["--", "echo out; echo err >&2; exit 3"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("out\n".to_owned(), "err\n".to_owned()));
    assert_eq!(output.status.code(), Some(3));
    let killed = scene.exec(&["--", "kill -TERM $$"]);
    assert_eq!(killed.status.code(), Some(143), "128 + SIGTERM");
}

#[tokio::test]
async fn several_words_are_a_program_that_no_shell_touches() {
    let scene = Scene::new().await;
    let output = scene.exec(&["--", "printf", "[%s]", "$HOME", "a b", "--json"]);
    assert_eq!(text(&output.stdout), "[$HOME][a b][--json]");
    assert_eq!(scene.says("echo $((6 * 7)) | cat"), "42\n", "one word is a command line");
}

#[tokio::test]
async fn a_command_needs_no_dashes_before_it() {
    let scene = Scene::new().await;
    assert_eq!(text(&scene.exec(&["echo", "hi"]).stdout), "hi\n");
    assert_eq!(text(&scene.exec(&["echo", "-n", "--json", "--", "hi"]).stdout), "--json -- hi", "all is the command's");
    assert_eq!(text(&scene.exec(&["--cwd", "/usr", "pwd; echo $((40 + 2))"]).stdout), "/usr\n42\n");
    let unknown = scene.exec(&["--no-such-option", "echo"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("--no-such-option"), "{}", text(&unknown.stderr));
}

#[tokio::test]
async fn folder_and_variables_are_those_asked_for() {
    let scene = Scene::new().await;
    let output = scene.exec(&["--cwd", "/usr", "-e", "GREETING=good day", "--", "pwd; echo $GREETING"]);
    assert_eq!(text(&output.stdout), "/usr\ngood day\n");
}

#[tokio::test]
async fn standard_input_is_passed_on_to_its_end() {
    let scene = Scene::new().await;
    let bytes = noise(3 * 1024 * 1024);
    let output = fed(scene.command(&["exec", &scene.id, "--", "cat"]), &bytes);
    assert!(output.stdout == bytes, "{} bytes came back: {}", output.stdout.len(), text(&output.stderr));
    let output = fed(scene.command(&["exec", "-n", &scene.id, "--", "wc -c"]), b"not for it");
    assert_eq!(text(&output.stdout), "0\n");
}

#[tokio::test]
async fn a_command_that_wants_no_input_is_none_the_worse() {
    let scene = Scene::new().await;
    let output = fed(scene.command(&["exec", &scene.id, "--", "head -c 3"]), &noise(1024 * 1024));
    assert_eq!((output.stdout.len(), output.status.code()), (3, Some(0)), "{}", text(&output.stderr));
}

#[tokio::test]
async fn a_command_whose_time_is_over_is_124() {
    let scene = Scene::new().await;
    let output = scene.exec(&["--timeout", "1", "--", "sleep 600"]);
    assert_eq!(output.status.code(), Some(124));
    assert!(text(&output.stderr).contains("timed out after 1000 ms"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn signals_are_passed_on() {
    let scene = Scene::new().await;
    let line = "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.01; done";
    let mut child = scene.command(&["exec", &scene.id, "--", line]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    signal(&child, Signal::SIGTERM);
    assert_eq!(lines.next().unwrap().unwrap(), "got it");
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[tokio::test]
async fn who_insists_on_ctrl_c_gives_up_and_the_command_is_killed() {
    let scene = Scene::new().await;
    let line = "trap 'echo no' INT; echo ready; while :; do sleep 0.01; done";
    let mut child = scene.command(&["exec", &scene.id, "--", line]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    for _ in 0..2 {
        signal(&child, Signal::SIGINT);
        assert_eq!(lines.next().unwrap().unwrap(), "no");
    }
    signal(&child, Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    until("killed", || !scene.says("ps ax -o args 2>/dev/null || cat /proc/[0-9]*/cmdline").contains("echo no"));
}

#[tokio::test]
async fn an_output_that_nobody_reads_any_more_kills_the_command() {
    let scene = Scene::new().await;
    let mut child = scene.command(&["exec", &scene.id, "--", "yes endless"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "endless");
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(141), "as shells have it for SIGPIPE");
    until("killed", || !scene.says("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").contains("yes endless"));
}

#[tokio::test]
async fn a_sandbox_can_be_kept_alive_meanwhile() {
    let scene = Scene::new().await;
    scene.runs(&["timeout", &scene.id, "60"]);
    let mut child =
        scene.command(&["exec", "--keep-alive", &scene.id, "--", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
    let seconds_left = || {
        let sandbox: Value = serde_json::from_str(&scene.runs(&["info", "--json", &scene.id])).unwrap();
        let end: jiff::Timestamp = sandbox["endAt"].as_str().unwrap().parse().unwrap();
        end.duration_since(jiff::Timestamp::now()).as_secs()
    };
    until("refreshed", || seconds_left() > 200);
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn json_holds_the_whole_result() {
    let scene = Scene::new().await;
    let output = scene.exec(&["--json", "--", "echo out; echo err >&2; exit 3"]);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&result["stdout"], &result["stderr"]), (&"out\n".into(), &"err\n".into()));
    assert_eq!((&result["exitCode"], output.status.code()), (&3.into(), Some(3)));
}

#[tokio::test]
async fn a_command_can_have_a_terminal() {
    let scene = Scene::new().await;
    let mut terminal =
        Terminal::run(scene.command(&["exec", "-t", &scene.id, "--", "tty; stty size; read x; exit $x"]), 100);
    terminal.shows("/dev/pts/");
    terminal.shows("24 100");
    terminal.type_in("9\r");
    assert_eq!(terminal.ends(), Some(9));
}

#[tokio::test]
async fn a_sandbox_that_is_paused_or_not_there_is_told_with_the_way_out() {
    let scene = Scene::new().await;
    scene.runs(&["pause", &scene.id]);
    let output = scene.exec(&["--", "true"]);
    let way_out = format!("`sandbar resume {}`", scene.id);
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains(&way_out), "{}", text(&output.stderr));
    let output = scene.command(&["exec", "sb-nowhere", "--", "true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
}
