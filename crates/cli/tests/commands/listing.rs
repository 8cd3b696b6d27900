use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

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

#[test]
fn all_pages_are_read_and_unknown_fields_stay() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            let mut lines = BufReader::new(&connection).lines();
            while let Some(Ok(line)) = lines.next() {
                let second = line.contains("nextToken=MQ");
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                // The first sandbox comes again: the list has moved in between.
                let (body, next) = match second {
                    false => (r#"[{"sandboxID":"sb-1","region":"eu"}]"#, "X-Has-Next: true\r\nX-Next-Token: MQ\r\n"),
                    true => (r#"[{"sandboxID":"sb-1"},{"sandboxID":"sb-2"}]"#, "X-Has-Next: false\r\n"),
                };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{next}Content-Length: {length}\r\n\r\n"
                );
                (&connection).write_all(format!("{head}{body}").as_bytes()).unwrap();
            }
        }
    });
    let printed = text(&command(&url, &["ls", "--json"]).output().unwrap().stdout);
    let listed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(listed, serde_json::json!([{"sandboxID": "sb-1", "region": "eu"}, {"sandboxID": "sb-2"}]));
}
