use super::support::terminal::Terminal;
use super::{Serve, command, fails, json, prints, run, text};

fn left(serve: &Serve) -> usize {
    prints(serve, &["ls", "-q"]).lines().count()
}

#[test]
fn several_are_deleted_by_their_ids() {
    let serve = Serve::start();
    let ids = prints(&serve, &["create", "-n", "2"]);
    let ids = ids.lines().collect::<Vec<_>>();
    let output = run(&serve, &["rm", ids[0], ids[1]]);
    assert!(output.status.success());
    assert!(text(&output.stderr).contains(&format!("{} is deleted", ids[1])));
    assert_eq!(left(&serve), 0);
}

#[test]
fn one_that_is_missing_is_told_and_the_others_go() {
    let serve = Serve::start();
    let id = prints(&serve, &["create"]);
    let output = run(&serve, &["rm", "sb-nowhere", &id, "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report[0]["deleted"], &report[1]["deleted"]), (&false.into(), &true.into()), "{report}");
    assert!(report[0]["error"]["message"].as_str().unwrap().contains("sb-nowhere"));
    assert_eq!(fails(&serve, &["rm", &id]).0, 3);
    prints(&serve, &["rm", &id, "--ignore-missing"]);
}

#[test]
fn a_dry_run_deletes_nothing() {
    let serve = Serve::start();
    let one = prints(&serve, &["create", "-m", "app=one"]);
    prints(&serve, &["create", "-m", "app=two"]);
    assert_eq!(prints(&serve, &["rm", "--metadata", "app=one", "--dry-run", "-q"]), one);
    assert!(prints(&serve, &["rm", "--all", "--dry-run"]).lines().count() == 3);
    let would = json(&serve, &["rm", &one, "--dry-run"]);
    assert_eq!(would, serde_json::json!([{"sandboxID": one, "deleted": false}]));
    assert_eq!(fails(&serve, &["rm", "sb-nowhere", "--dry-run"]).0, 3);
    assert_eq!(left(&serve), 2);
}

#[test]
fn without_a_terminal_a_filter_needs_a_yes() {
    let serve = Serve::start();
    prints(&serve, &["create", "-n", "2", "-m", "app=demo"]);
    let (code, message) = fails(&serve, &["rm", "--metadata", "app=demo"]);
    assert_eq!(code, 2);
    assert!(message.contains("nothing was deleted") && message.contains("--yes"), "{message}");
    assert_eq!(left(&serve), 2);
    prints(&serve, &["rm", "--metadata", "app=demo", "--yes"]);
    assert_eq!(left(&serve), 0);
    assert_eq!(fails(&serve, &["rm"]).0, 2, "nothing at all is not everything");
}

#[test]
fn on_a_terminal_it_asks_and_only_a_yes_deletes() {
    let serve = Serve::start();
    let id = prints(&serve, &["create"]);
    let rm = |answer: &str| {
        let mut terminal = Terminal::run(command(serve.url(), &["rm", "--all"]), 100);
        terminal.shows("Delete 1 sandbox? [y/N] ");
        assert!(terminal.printed().contains(&id));
        terminal.type_in(answer);
        (terminal.ends(), terminal)
    };
    let (code, terminal) = rm("\n");
    assert_eq!(code, Some(1));
    terminal.shows("nothing was deleted");
    let (code, _) = rm("\u{3}");
    assert_eq!(code, Some(130), "Ctrl-C");
    assert_eq!(left(&serve), 1);
    let (code, terminal) = rm("y\n");
    assert_eq!(code, Some(0));
    terminal.shows("is deleted");
    assert_eq!(left(&serve), 0);
}
