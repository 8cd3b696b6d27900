use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::terminal::Terminal;
use super::support::until;
use super::{Serve, command, fails, json, prints, template, text};

#[tokio::test]
async fn variables_come_from_options_files_and_the_environment() {
    let serve = Serve::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vars.env");
    std::fs::write(&file, "# ours\nFILED=\"from a file\"\nBOTH=file\n").unwrap();
    let args = ["create", "--env", "GIVEN=a=b", "--env", "INHERITED", "-e", "BOTH=option", "--env-file"];
    let mut create = command(serve.url(), &args);
    let output = create.arg(&file).env("INHERITED", "from here").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let id = text(&output.stdout).trim().to_owned();
    let said = serve.says(&id, "echo \"$GIVEN|$INHERITED|$FILED|$BOTH\"").await;
    assert_eq!(said, "a=b|from here|from a file|option");
}

#[test]
fn a_wrong_option_is_named_in_the_words_of_the_command_line() {
    let serve = Serve::start();
    for (args, part) in [
        (&["create", "--timeout", "0"][..], "--timeout must be between 1 and 86400 seconds, got 0"),
        (&["create", "--env", "NOT_SET_ANYWHERE"], "--env NOT_SET_ANYWHERE: there is no such variable here"),
        (&["create", "--env", "1A=x"], "--env has the name \"1A\""),
        (&["create", "--metadata", "app"], "write it as NAME=VALUE"),
        (&["create", "a/b"], "the template may hold letters"),
        (&["info", "a/b"], "the sandbox's ID may hold letters"),
    ] {
        let (code, message) = fails(&serve, args);
        assert_eq!(code, 2, "{message}");
        assert!(message.contains(part), "{part} is not in {message}");
    }
    let (code, message) = fails(&serve, &["create", "tpl-nowhere"]);
    assert_eq!(code, 3);
    assert!(message.contains("tpl-nowhere") && message.contains("use one of base"), "{message}");
}

#[test]
fn several_equal_ones_are_created_at_once() {
    let serve = Serve::start();
    let ids = prints(&serve, &["create", "-n", "3", "-m", "app=many"]);
    assert_eq!(ids.lines().count(), 3);
    assert_eq!(prints(&serve, &["ls", "-q", "--metadata", "app=many"]).lines().count(), 3);
    let more = json(&serve, &["create", "-n", "2"]);
    assert_eq!(more.as_array().unwrap().len(), 2);
    assert!(more[0]["sandboxID"].is_string() && more[0].get("envdAccessToken").is_none());
}

#[test]
fn a_repeat_under_the_same_key_is_the_same_sandbox() {
    let serve = Serve::start();
    let create = || prints(&serve, &["create", "--idempotency-key", "order-7"]);
    assert_eq!(create(), create());
}

#[test]
fn repeated_create_leaves_a_paused_sandbox_alone() {
    let serve = Serve::start();
    let create = ["create", "--idempotency-key", "order-7"];
    let id = prints(&serve, &create);
    prints(&serve, &["pause", &id]);
    let (_, message) = fails(&serve, &create);
    let paused = format!("{id} is paused, so it will not become ready: `sandbar resume {id}` starts it");
    for part in [&paused, "under this --idempotency-key made it, so it was left alone"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert_eq!(prints(&serve, &["ls", "-q", "--state", "paused"]), id);
}

#[test]
fn a_start_that_fails_says_why_and_leaves_nothing() {
    let serve = Serve::start();
    template(&serve, "tpl-broken", "start_command = \"echo no such luck >&2; exit 3\"\n");
    let (code, message) = fails(&serve, &["create", "tpl-broken"]);
    assert_eq!(code, 5, "{message}");
    for part in ["failed to start", "✗", "reason: start_command_failed", "request: ", "--keep-on-failure"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert_eq!(prints(&serve, &["ls", "-q"]), "");
    assert_eq!(fails(&serve, &["create", "tpl-broken", "--keep-on-failure"]).0, 5);
    assert_eq!(prints(&serve, &["ls", "-q", "--state", "failed"]).lines().count(), 1);
}

#[test]
fn a_wait_that_is_too_long_is_given_up() {
    let serve = Serve::start();
    template(&serve, "tpl-slow", "ready_command = \"exit 1\"\n");
    let (code, message) = fails(&serve, &["create", "tpl-slow", "--ready-timeout", "1"]);
    assert_eq!(code, 8, "{message}");
    assert!(message.contains("was not ready within 1 s") && message.contains("--ready-timeout"), "{message}");
    assert_eq!(prints(&serve, &["ls", "-q"]), "");
    let id = prints(&serve, &["create", "tpl-slow", "--no-wait"]);
    assert_eq!(json(&serve, &["info", &id])["state"], "starting");
}

#[test]
fn ctrl_c_deletes_what_was_begun() {
    let serve = Serve::start();
    template(&serve, "tpl-slow", "ready_command = \"exit 1\"\n");
    let mut create = command(serve.url(), &["create", "tpl-slow"]);
    let child = create.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("listed", || !prints(&serve, &["ls", "-q"]).is_empty());
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert_eq!((text(&output.stdout), prints(&serve, &["ls", "-q"])), (String::new(), String::new()));
}

#[test]
fn on_a_terminal_the_phases_are_shown_and_a_way_to_go_on() {
    let serve = Serve::start();
    let mut terminal = Terminal::run(command(serve.url(), &["create"]), 80);
    assert_eq!(terminal.ends(), Some(0));
    terminal.shows("sb-");
    let printed = terminal.printed();
    for part in ["created", "starting", "ready", "running, ends in 5m00s; `sandbar connect sb-"] {
        assert!(printed.contains(part), "{part} is not in {printed}");
    }
    assert!(printed.contains("\u{1b}[32m✓"), "in colour: {printed:?}");
}

#[test]
fn progress_leaves_the_terminal_room_for_its_ctrl_c() {
    let serve = Serve::start();
    template(&serve, "tpl-slow", "ready_command = \"exit 1\"\n");
    let mut terminal = Terminal::run(command(serve.url(), &["create", "tpl-slow"]), 80);
    terminal.shows("created › starting");
    terminal.type_in("\u{3}");
    assert_eq!(terminal.ends(), Some(130));
    terminal.shows("interrupted: ");
    let printed = console::strip_ansi_codes(&terminal.printed()).into_owned();
    let widest = printed.split(['\r', '\n']).map(console::measure_text_width).max().unwrap();
    assert!(widest <= 80, "a line with ^C at its end wraps: {printed:?}");
    assert_eq!(prints(&serve, &["ls", "-q"]), "");
}
