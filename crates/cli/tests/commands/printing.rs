use super::support::terminal::Terminal;
use super::{Serve, command, prints, run, text};

fn on_terminal(serve: &Serve, args: &[&str], variable: Option<(&str, &str)>) -> String {
    let mut command = command(serve.url(), args);
    command.envs(variable);
    let mut terminal = Terminal::run(command, 80);
    assert_eq!(terminal.ends(), Some(0));
    terminal.shows("running");
    terminal.printed()
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let serve = Serve::start();
    prints(&serve, &["create"]);
    let coloured = |printed: &str| printed.contains("\u{1b}[32m");
    assert!(!coloured(&prints(&serve, &["ls"])));
    assert!(coloured(&prints(&serve, &["ls", "--color", "always"])));
    let forced = command(serve.url(), &["ls"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(coloured(&text(&forced.stdout)));
    assert!(coloured(&on_terminal(&serve, &["ls"], None)));
    assert!(!coloured(&on_terminal(&serve, &["ls"], Some(("NO_COLOR", "1")))));
    assert!(!coloured(&on_terminal(&serve, &["ls", "--color", "never"], None)));
}

#[test]
fn quiet_leaves_out_remarks() {
    let serve = Serve::start();
    let id = prints(&serve, &["create"]);
    assert_eq!(text(&run(&serve, &["pause", "-q", &id]).stderr), "");
    assert!(!prints(&serve, &["metrics", "-q"]).contains("MEMORY"), "no headings");
}

#[test]
fn options_of_calls_are_not_in_the_help_of_the_engine() {
    let serve = Serve::start();
    let help = prints(&serve, &["serve", "--help"]);
    assert!(!help.contains("--base-url") && help.contains("--data-dir"), "{help}");
    assert!(prints(&serve, &["ls", "--help"]).contains("--base-url"));
}
