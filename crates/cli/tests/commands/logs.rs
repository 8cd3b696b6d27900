use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::support::terminal::Terminal;
use super::support::until;
use super::{Serve, command, prints};

/// A sandbox that has printed these lines.
async fn with_lines(serve: &Serve, script: &str, last: &str) -> String {
    let id = serve.sandbox().await;
    serve.says(&id, script).await;
    until("logged", || prints(serve, &["logs", "-q", &id]).contains(last));
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_chosen_by_level_text_and_number() {
    let serve = Serve::start();
    let script = "for n in 1 2 3; do echo line $n; echo wrong $n >&2; done";
    let id = with_lines(&serve, script, "wrong 3").await;
    serve.says(&id, "echo last").await;
    until("logged", || prints(&serve, &["logs", "-q", &id]).ends_with("last"));
    let messages = |args: &[&str]| prints(&serve, &[&["logs", "-q", &id], args].concat());
    assert_eq!(messages(&["--level", "error"]), "wrong 1\nwrong 2\nwrong 3");
    assert_eq!(messages(&["--search", "line"]), "line 1\nline 2\nline 3");
    assert_eq!(messages(&["--tail", "1"]), "last");
    assert_eq!(messages(&["--tail", "2", "--search", "line"]), "line 2\nline 3");
    let line = prints(&serve, &["logs", &id, "--tail", "1"]);
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.parse::<jiff::Timestamp>().is_ok() && rest == "info  last", "{line}");
    let line: serde_json::Value =
        serde_json::from_str(&prints(&serve, &["logs", &id, "--tail", "1", "--json"])).unwrap();
    assert_eq!((&line["message"], &line["fields"]["source"]), (&"last".into(), &"runtime".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_until_its_sandbox_is_gone() {
    let serve = Serve::start();
    let id = with_lines(&serve, "echo before", "before").await;
    let mut follow = command(serve.url(), &["logs", "-q", "-f", "--tail", "1", &id]);
    let mut child = follow.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("before"));
    serve.says(&id, "echo after").await;
    assert_eq!(lines.find(|line| line == "after").as_deref(), Some("after"));
    prints(&serve, &["rm", &id]);
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sandbox_prints_does_not_steer_the_terminal() {
    let serve = Serve::start();
    let id = with_lines(&serve, r"printf 'evil \033]0;title\007 \033[2Jend\n'", "end").await;
    assert!(prints(&serve, &["logs", "-q", &id]).contains('\u{1b}'), "a file has it as it was printed");
    let mut terminal = Terminal::run(command(serve.url(), &["logs", "-q", &id, "--search", "evil"]), 80);
    assert_eq!(terminal.ends(), Some(0));
    terminal.shows("end");
    assert!(!terminal.printed().contains("\u{1b}]") && !terminal.printed().contains("[2J"), "{:?}", terminal.printed());
}
