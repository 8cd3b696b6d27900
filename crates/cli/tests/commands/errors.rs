use std::net::TcpListener;
use std::process::Stdio;

use super::{Serve, command, fails, failure, prints, run, text, unconfigured};

#[test]
fn a_wrong_key_is_told_without_showing_it() {
    let serve = Serve::start();
    let mut ls = command(serve.url(), &["ls"]);
    let (code, message) = failure(ls.env("SEACLOUD_API_KEY", "wrong-and-secret"));
    assert_eq!(code, 4);
    assert!(message.contains("SEACLOUD_API_KEY or --api-key") && message.contains("request: "), "{message}");
    assert!(!message.contains("wrong-and-secret"), "{message}");
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, message) = failure(&mut command(&format!("http://{free}"), &["ls"]));
    assert_eq!(code, 7);
    assert!(message.contains("connection refused") && message.contains("`sandbar serve`"), "{message}");
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let (code, message) = failure(&mut command(&url, &["ls", "--request-timeout", "1"]));
    assert_eq!(code, 8);
    assert!(message.contains("no answer within 1 s") && message.contains("--request-timeout"), "{message}");
}

#[test]
fn without_any_configuration_the_ways_are_named() {
    let (code, message) = failure(unconfigured().arg("ls"));
    assert_eq!(code, 2);
    for way in ["no server is configured", "sandbar serve", "export SEACLOUD_BASE_URL="] {
        assert!(message.contains(way), "{message}");
    }
}

#[test]
fn a_key_goes_to_no_host_but_its_own() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}", other.local_addr().unwrap());
    let (code, message) = failure(&mut command("https://sandboxes.example", &["ls", "--base-url", &elsewhere]));
    assert_eq!(code, 2);
    assert!(
        message.contains("was given for another host than --base-url") && message.contains("--api-key"),
        "{message}"
    );
    assert_eq!(other.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "somebody was called");
}

#[test]
fn options_name_the_server_as_well() {
    let serve = Serve::start();
    let args = ["--base-url", serve.url(), "--api-key", super::KEY, "ls", "--json"];
    let output = unconfigured().args(args).output().unwrap();
    assert_eq!(text(&output.stdout), "[]\n", "{}", text(&output.stderr));
}

#[test]
fn with_json_an_error_is_json_too() {
    let serve = Serve::start();
    let (code, message) = fails(&serve, &["info", "sb-nowhere", "--json"]);
    let error = &serde_json::from_str::<serde_json::Value>(&message).unwrap()["error"];
    assert_eq!((code, &error["exitCode"], &error["code"]), (3, &3.into(), &"sandbox_not_found".into()));
    assert!(error["requestId"].is_string());
}

#[test]
fn a_used_up_limit_has_a_code_of_its_own() {
    let serve = Serve::start_with(&["--api-key", super::KEY, "--max-sandboxes", "1"]);
    prints(&serve, &["create"]);
    let (code, message) = fails(&serve, &["create"]);
    assert_eq!(code, 6, "{message}");
}

#[test]
fn nobody_who_reads_the_output_is_no_error() {
    let serve = Serve::start();
    prints(&serve, &["create"]);
    let mut child = command(serve.url(), &["ls"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(141), String::new()));
}

#[test]
fn commands_do_not_log_unless_asked() {
    let serve = Serve::start();
    assert_eq!(text(&run(&serve, &["ls", "--json"]).stderr), "");
    let output = command(serve.url(), &["ls", "--json"]).env("SANDBAR_LOG", "debug").output().unwrap();
    let log = text(&output.stderr);
    assert!(log.contains("GET /api/v1/sandboxes") && !log.contains(super::KEY), "{log}");
}
