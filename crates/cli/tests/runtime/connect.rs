//! `sandbar connect`, at a real terminal.

use std::net::TcpListener;
use std::time::Duration;

use crate::Scene;
use crate::support::terminal::Terminal;
use crate::support::{KEY, Serve, text, until};

fn connected(scene: &Scene, args: &[&str]) -> Terminal {
    let terminal = Terminal::run(scene.command(&[&["connect", &scene.id], args].concat()), 100);
    terminal.shows("connected to ");
    terminal
}

#[tokio::test]
async fn a_shell_takes_what_is_typed_and_its_exit_code_is_passed_on() {
    let scene = Scene::new().await;
    let mut terminal = connected(&scene, &[]);
    terminal.type_in("echo $((6 * 7)) in $PWD; stty size\r");
    terminal.shows("42 in /root/workspace");
    terminal.shows("24 100");
    terminal.type_in("exit 5\r");
    assert_eq!(terminal.ends(), Some(5));
}

#[tokio::test]
async fn the_prompt_shows_the_sandbox_and_the_folder() {
    let scene = Scene::new().await;
    let mut terminal = connected(&scene, &[]);
    terminal.shows(&format!("{}:/root/workspace# ", scene.id));
    terminal.type_in("cd /usr/bin\r");
    terminal.shows(&format!("{}:/usr/bin# ", scene.id));
    terminal.type_in("exit\r");
    terminal.ends();
    let mut terminal = connected(&scene, &["--env", "PS1=my own> "]);
    terminal.shows("my own> ");
    terminal.type_in("exit\r");
    terminal.ends();
}

#[tokio::test]
async fn a_command_needs_no_dashes_before_it() {
    let scene = Scene::new().await;
    let mut terminal = connected(&scene, &["sh", "-c", "echo $((6 * 7)) answers; exit 4"]);
    terminal.shows("42 answers");
    assert_eq!(terminal.ends(), Some(4));
}

#[tokio::test]
async fn ctrl_c_is_the_shells_and_not_ours() {
    let scene = Scene::new().await;
    let mut terminal = connected(&scene, &["--", "sh"]);
    terminal.type_in("echo $((60 + 6)) begins; sleep 600\r");
    terminal.shows("66 begins");
    terminal.type_in("\x03");
    terminal.shows("^C");
    terminal.type_in("echo still $((40 + 4)) here\r");
    terminal.shows("still 44 here");
    terminal.type_in("\x04");
    terminal.ends();
}

#[tokio::test]
async fn a_new_size_is_passed_on() {
    let scene = Scene::new().await;
    let mut terminal =
        connected(&scene, &["--", "trap 'stty size; exit 8' WINCH; echo ready; while :; do sleep 0.01; done"]);
    terminal.shows("ready");
    terminal.resize(50, 132);
    terminal.shows("50 132");
    assert_eq!(terminal.ends(), Some(8));
}

#[tokio::test]
async fn who_leaves_can_come_back() {
    let scene = Scene::new().await;
    let mut terminal = connected(&scene, &["--", "sh"]);
    terminal.type_in("left=behind; echo $((40 + 2)) set\r");
    terminal.shows("42 set");
    terminal.type_in("~.");
    terminal.shows("takes it up again");
    assert_eq!(terminal.ends(), Some(0));
    let printed = terminal.printed();
    let pid = printed.split("--pid ").nth(1).unwrap().split('`').next().unwrap();
    let mut terminal = connected(&scene, &["--pid", pid]);
    terminal.type_in("echo it is $left; exit 6\r");
    terminal.shows("it is behind");
    assert_eq!(terminal.ends(), Some(6));
}

#[tokio::test]
async fn a_connection_that_is_lost_is_made_again() {
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let serve = Serve::start_with(&["--api-key", KEY, "--listen", &listen]);
    let id = serve.sandbox().await;
    let mut scene = Scene { serve, id };
    let mut terminal = connected(&scene, &["--", "sh"]);
    terminal.type_in("kept=safe; echo $((40 + 2)) set\r");
    terminal.shows("42 set");
    scene.serve.kill_and_restart();
    // Keys that are on their way while there is no connection are lost.
    let asked = std::time::Instant::now();
    let mut next = Duration::ZERO;
    until("it answers", || {
        if asked.elapsed() >= next {
            terminal.type_in("echo it is $kept\r");
            next += Duration::from_millis(500);
        }
        terminal.printed().contains("it is safe")
    });
    terminal.type_in("exit 7\r");
    assert_eq!(terminal.ends(), Some(7));
    assert_eq!(terminal.printed().matches("42 set").count(), 1, "nothing is shown twice");
}

#[tokio::test]
async fn a_paused_sandbox_is_resumed_and_told_of() {
    let scene = Scene::new().await;
    scene.runs(&["pause", &scene.id]);
    let mut terminal = connected(&scene, &[]);
    terminal.shows("is paused: it is being resumed");
    terminal.type_in("exit\r");
    assert_eq!(terminal.ends(), Some(0));
}

#[tokio::test]
async fn the_terminal_is_as_before_also_after_an_error() {
    let scene = Scene::new().await;
    let id = &scene.id;
    let line = r#""$0" connect "$1"; echo "code $?"; stty -a"#;
    let command = scene.command(&[]);
    let program = command.get_program().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", line]).arg(program).arg(id);
    for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        shell.env(name, value);
    }
    let mut terminal = Terminal::run(shell, 100);
    terminal.shows("connected to ");
    terminal.type_in("echo $((40 + 2)) there\r");
    terminal.shows("42 there");
    scene.runs(&["rm", "--yes", id]);
    terminal.shows("code 3");
    terminal.shows(" icanon");
    assert_eq!(terminal.ends(), Some(0));
    assert!(terminal.printed().contains(" echo "), "{}", terminal.printed());
}

#[tokio::test]
async fn without_a_terminal_exec_is_named() {
    let scene = Scene::new().await;
    let output = scene.command(&["connect", &scene.id]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("`sandbar exec ID COMMAND`"), "{}", text(&output.stderr));
}
