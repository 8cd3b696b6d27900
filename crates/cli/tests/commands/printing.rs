use super::support::terminal::Terminal;
use super::{Serve, command, prints, run, template, text, unconfigured};

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

#[test]
fn a_help_that_cannot_be_written_fails() {
    for argument in ["--help", "--version"] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = unconfigured().arg(argument).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{argument}");
        assert_eq!(text(&output.stderr), "error: can't write to standard output\n");
    }
    assert_eq!(unconfigured().arg("--help").output().unwrap().status.code(), Some(0));
    assert_eq!(unconfigured().arg("--nothing").output().unwrap().status.code(), Some(2));
}

#[test]
fn json_holds_no_character_that_steers_a_terminal() {
    let serve = Serve::start();
    let note = "a\u{7f}b\u{9b}2J\u{202e}c\u{2066}d\u{200f}ü";
    prints(&serve, &["create", "--metadata", &format!("note={note}")]);
    let printed = prints(&serve, &["ls", "--json"]);
    assert!(printed.contains(r"a\u007fb\u009b2J\u202ec\u2066d\u200fü"), "{printed}");
    let listed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(listed[0]["metadata"]["note"], note);
}

#[test]
fn standard_error_has_no_colours_where_it_is_a_file() {
    let serve = Serve::start();
    let logged = command(serve.url(), &["ls"]).env("SANDBAR_LOG", "debug").output().unwrap();
    assert!(!logged.stderr.is_empty() && !text(&logged.stderr).contains('\u{1b}'), "{}", text(&logged.stderr));

    // The timeline of a failure, while standard output is a terminal.
    template(&serve, "tpl-fails", "start_command = \"false\"");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("errors");
    let create = command(serve.url(), &[]);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", r#""$0" create tpl-fails 2>"$1"; echo ended"#]).arg(create.get_program()).arg(&file);
    shell.env_clear().envs(create.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let terminal = Terminal::run(shell, 80);
    terminal.shows("ended");
    let errors = std::fs::read_to_string(file).unwrap();
    assert!(errors.contains("✗ failed") && !errors.contains('\u{1b}'), "{errors:?}");
}

#[test]
fn completions_offer_nothing_that_is_hidden() {
    let script = text(&unconfigured().args(["completions", "fish"]).output().unwrap().stdout);
    let offers = |command: &str, option: &str| {
        let option = format!("-l {option}");
        script.lines().any(|line| line.contains(&format!("subcommand {command}")) && line.contains(&option))
    };
    assert!(offers("serve", "data-dir") && offers("ls", "base-url") && offers("ls", "json"), "{script}");
    assert!(!offers("serve", "base-url") && !offers("man", "json"), "{script}");
    assert!(!script.contains("-a \"keep\"") && script.contains("-a \"list\""), "{script}");
}
