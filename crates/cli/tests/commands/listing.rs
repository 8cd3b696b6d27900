use super::support::terminal::Terminal;
use super::{Serve, command, json, prints, run, text};

#[test]
fn sandboxes_stand_in_columns() {
    let serve = Serve::start();
    assert!(text(&run(&serve, &["ls"]).stderr).contains("`sandbar create` makes one"));
    let id = prints(&serve, &["create", "-m", "app=demo", "-m", "team=core"]);
    let table = prints(&serve, &["ls"]);
    let (headings, row) = table.split_once('\n').unwrap();
    assert_eq!(headings.split_whitespace().collect::<Vec<_>>(), ["ID", "TEMPLATE", "STATE", "AGE", "TTL", "METADATA"]);
    assert!(row.starts_with(&id) && row.contains("base      running") && row.ends_with("app=demo team=core"), "{row}");
    assert_eq!(headings.find("STATE"), row.find("running"), "{table}");
    assert_eq!(prints(&serve, &["ls", "-q"]), id);
}

#[test]
fn filters_and_a_limit_say_which() {
    let serve = Serve::start();
    let one = prints(&serve, &["create", "-m", "app=one"]);
    let two = prints(&serve, &["create", "-m", "app=two", "-m", "team=core"]);
    prints(&serve, &["pause", &two]);
    let listed = |args: &[&str]| prints(&serve, &[&["ls", "-q"], args].concat());
    assert_eq!(listed(&["--metadata", "app=one"]), one);
    assert_eq!(listed(&["--state", "paused"]), two);
    assert_eq!(listed(&["--state", "paused", "--state", "running"]).lines().count(), 2);
    assert_eq!(listed(&["--metadata", "app=one", "--metadata", "team=core"]), "");
    assert_eq!(listed(&["--limit", "1"]).lines().count(), 1);
    assert_eq!(json(&serve, &["ls", "--state", "paused"])[0]["metadata"]["team"], "core");
}

#[test]
fn a_narrow_terminal_shortens_the_metadata() {
    let serve = Serve::start();
    prints(&serve, &["create", "-m", &format!("note={}", "größer 你好 ".repeat(20))]);
    let mut terminal = Terminal::run(command(serve.url(), &["ls"]), 80);
    assert_eq!(terminal.ends(), Some(0));
    terminal.shows("…");
    let printed = console::strip_ansi_codes(&terminal.printed()).into_owned();
    let widest = printed.lines().map(console::measure_text_width).max().unwrap();
    assert!((76..=80).contains(&widest), "{widest} columns: {printed}");
}
