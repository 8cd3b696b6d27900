//! Servers that are not the engine.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use super::{command, failure, text};

/// A status with its reason, headers of its own, and a body.
type Answer = (&'static str, &'static str, &'static str);

/// A server that answers each request line; gives back its URL.
fn start(answer: fn(&str) -> Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            let mut lines = BufReader::new(&connection).lines();
            while let Some(Ok(request)) = lines.next() {
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let (status, headers, body) = answer(&request);
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
                (&connection).write_all(format!("{head}{body}").as_bytes()).unwrap();
            }
        }
    });
    url
}

#[test]
fn all_pages_are_read_and_unknown_fields_stay() {
    let url = start(|request| match request.contains("nextToken=MQ") {
        false => ("200 OK", "X-Has-Next: true\r\nX-Next-Token: MQ\r\n", r#"[{"sandboxID":"sb-1","region":"eu"}]"#),
        // The first sandbox comes again: the list has moved in between.
        true => ("200 OK", "X-Has-Next: false\r\n", r#"[{"sandboxID":"sb-1"},{"sandboxID":"sb-2"}]"#),
    });
    let printed = text(&command(&url, &["ls", "--json"]).output().unwrap().stdout);
    let listed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(listed, serde_json::json!([{"sandboxID": "sb-1", "region": "eu"}, {"sandboxID": "sb-2"}]));
}

#[test]
fn what_a_server_leaves_out_is_a_dash() {
    let url = start(|_| ("200 OK", "", r#"[{"sandboxID":"sb-1"}]"#));
    let printed = text(&command(&url, &["ls"]).output().unwrap().stdout);
    assert_eq!(
        printed.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>(),
        ["sb-1", "–", "–", "–", "–", "–"]
    );
}

#[test]
fn one_that_is_no_such_service_is_told() {
    let url = start(|_| ("200 OK", "Content-Type: text/html\r\n", "<html>Welcome</html>"));
    let (code, message) = failure(&mut command(&url, &["ls"]));
    assert_eq!(code, 7);
    assert!(message.contains("is the base URL right?"), "{message}");
}

#[test]
fn one_without_a_list_of_templates_is_told() {
    let url = start(|_| ("404 Not Found", "", "{}"));
    let (code, message) = failure(&mut command(&url, &["templates"]));
    assert_eq!(code, 3);
    assert!(message.contains("this server does not list its templates"), "{message}");
}
