//! `sandbar serve`, as an operator meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbar_client::{CallOptions, ClientError};
use sandbar_protocol::ListQuery;
use support::{KEY, Serve, agent, alive, for_everyone, open_folder, run, sandbar, text};

#[tokio::test]
async fn it_prints_where_it_is_and_leaves_nothing_when_terminated() {
    let mut serve = Serve::start();
    assert_eq!(serve.lines, [format!("dashboard: {}/", serve.url()), format!("listening on {}", serve.url())]);
    assert!(serve.url().starts_with("http://127.0.0.1:"));
    let id = serve.sandbox().await;
    let processes = serve.processes();
    assert!(processes.len() >= 4, "the keeper, bwrap, its init and the agent");
    assert_eq!(serve.terminate(), Some(0));
    assert!(processes.iter().all(|pid| !alive(*pid)), "a process is left");
    assert!(!serve.folder.path().join("run").exists(), "a socket is left");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let folder = serve.folder.path().to_str().unwrap();
    assert!(!mounts.contains(folder) && !mounts.contains(&id), "a mount is left");
    assert!(serve.folder.path().join("sandboxes").join(id).join("home/workspace").is_dir(), "files stay");
}

/// `sandbar` by a shell that runs this line, in which `"$@"` is the program with its arguments.
fn by_shell(line: &str) -> Command {
    let engine = sandbar();
    let mut shell = Command::new("sh");
    shell.args(["-c", line, "sh"]).arg(engine.get_program()).stdin(Stdio::null());
    shell.env("SANDBAR_AGENT", agent()).env_remove("SANDBAR_API_KEY").env_remove("SANDBAR_LOG");
    shell
}

#[tokio::test]
async fn a_closed_terminal_ends_it_unless_that_is_ignored() {
    let mut serve = Serve::start();
    let id = serve.sandbox().await;
    let processes = serve.processes();
    serve.signal(Signal::SIGHUP);
    assert_eq!(serve.child.wait().unwrap().code(), Some(0));
    assert!(processes.iter().all(|pid| !alive(*pid)), "a process of {id} is left");

    let mut serve = Serve::start_by(by_shell(r#"trap "" HUP; exec "$@""#), &["--api-key", KEY]);
    serve.signal(Signal::SIGHUP);
    assert_eq!(serve.send("GET", "/health").await.0, 200, "as by nohup");
    assert_eq!(serve.terminate(), Some(0));
}

#[tokio::test]
async fn a_sandbox_is_one_line_in_the_log_and_the_log_is_plain_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    let line = format!(r#"exec "$@" 2>"{}""#, file.display());
    let mut serve = Serve::start_by(by_shell(&line), &["--api-key", KEY]);
    let id = serve.sandbox().await;
    assert_eq!(serve.terminate(), Some(0));
    let log = fs::read_to_string(file).unwrap();
    let lines = log.lines().filter(|line| line.contains(&id)).collect::<Vec<_>>();
    assert!(lines.len() == 1 && lines[0].contains("INFO") && lines[0].contains("ready"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[tokio::test]
async fn without_a_key_it_makes_one_and_prints_it() {
    let serve = Serve::start_with(&[]);
    let key = serve.lines[0].strip_prefix("api key: ").unwrap();
    assert!(key.starts_with("sk_local_") && key.len() > 32);
    serve.client(key).list(&ListQuery::default(), CallOptions::default()).await.unwrap();
    let refused = serve.client("guess").list(&ListQuery::default(), CallOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ClientError::Api(error) if error.status == 401));
}

#[test]
fn the_dashboards_address_has_a_key_that_was_made_and_none_that_was_chosen() {
    let serve = Serve::start_with(&[]);
    let key = serve.lines[0].strip_prefix("api key: ").unwrap();
    assert_eq!(serve.lines[1], format!("dashboard: {}/#key={key}", serve.url()));
    assert!(!text(&run(Command::new("ps").args(["-eo", "args"])).stdout).contains(key));
}

#[test]
fn the_dashboard_is_served_on_loopback_alone_unless_it_is_asked_for() {
    for (options, served) in [
        (["--listen", "127.0.0.1:0", "--dashboard", "off"], false),
        (["--listen", "[::1]:0", "--dashboard", "auto"], true),
        (["--listen", "0.0.0.0:0", "--dashboard", "auto"], false),
        (["--listen", "0.0.0.0:0", "--dashboard", "on"], true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = sandbar();
        command.args(["serve", "--api-key", KEY, "--outlive", "0", "--warm", "base=0", "--data-dir"]);
        let mut child = command.arg(folder.path()).args(options).stdout(Stdio::piped()).spawn().unwrap();
        let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        assert_eq!(first.starts_with("dashboard: http://"), served, "{options:?}: {first}");
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        child.wait().unwrap();
    }
}

#[tokio::test]
async fn a_termination_ends_open_streams_of_events_at_once() {
    let mut serve = Serve::start();
    let address = serve.url().strip_prefix("http://").unwrap().to_owned();
    let streams = (0..100).map(|number| {
        let mut stream = TcpStream::connect(&address).unwrap();
        // Half of them do not read.
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nhost: {address}\r\nx-api-key: {KEY}\r\n\r\n").unwrap();
        if number % 2 == 0 {
            let lines = BufReader::new(&stream).lines().map(Result::unwrap);
            assert!(lines.take(20).any(|line| line == "event: hello"));
        }
        stream
    });
    let streams: Vec<TcpStream> = streams.collect();
    let begun = Instant::now();
    assert_eq!(serve.terminate(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(4), "requests have 5 s to finish, and none of these needs them");
    drop(streams);
}

#[tokio::test]
async fn the_log_has_a_line_for_each_request_without_its_query_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$0" --log-json "$@" 2>"$LOG""#, env!("CARGO_BIN_EXE_sandbar")]);
    command.env("SANDBAR_AGENT", agent()).env("SANDBAR_LOG", "debug").env("LOG", &log);
    let mut serve = Serve::start_by(command, &["--api-key", KEY, "--warm", "base=0"]);
    let query = ListQuery { metadata: [("word".to_owned(), "unspoken".to_owned())].into(), ..ListQuery::default() };
    serve.client(KEY).list(&query, CallOptions::default()).await.unwrap();
    assert_eq!(serve.terminate(), Some(0));
    let text = fs::read_to_string(&log).unwrap();
    let answered = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let answered = answered.filter(|line| line["fields"]["message"] == "answered").collect::<Vec<_>>();
    assert_eq!(answered.len(), 1, "{text}");
    assert_eq!(
        (&answered[0]["fields"]["status"], &answered[0]["span"]["path"]),
        (&200.into(), &"/api/v1/sandboxes".into())
    );
    assert!(answered[0]["fields"]["duration_ms"].is_number());
    assert!(!text.contains("unspoken") && !text.contains(KEY), "{text}");
}

#[tokio::test]
async fn unfinished_requests_stop_neither_health_nor_creates() {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"ulimit -n 256 && exec "$0" "$@""#, env!("CARGO_BIN_EXE_sandbar")]);
    command.env("SANDBAR_AGENT", agent()).env_remove("SANDBAR_API_KEY");
    let serve = Serve::start_by(command, &["--api-key", KEY, "--warm", "base=0"]);
    let address = serve.url().strip_prefix("http://").unwrap().to_owned();
    let unfinished = (0..400).map(|number| {
        let mut stream = TcpStream::connect(&address).unwrap();
        // One that the engine has closed meanwhile does not matter.
        let _ = stream.write_all(if number % 2 == 0 { b"GET /health HTTP/1.1\r\nhost: x\r\n" } else { b"G" });
        stream
    });
    let unfinished: Vec<TcpStream> = unfinished.collect();
    let begun = Instant::now();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let first = BufReader::new(stream).lines().next().unwrap().unwrap();
    assert_eq!((first.as_str(), begun.elapsed() < Duration::from_secs(10)), ("HTTP/1.1 200 OK", true));
    serve.sandbox().await;
    drop(unfinished);
}

#[tokio::test]
async fn urls_in_answers_are_those_behind_a_proxy() {
    let serve = Serve::start_with(&["--api-key", KEY, "--warm", "base=0", "--public-url", "https://a.example/"]);
    let id = serve.sandbox().await;
    let sandbox = serve.client(KEY).get(&id, CallOptions::default()).await.unwrap().value;
    assert_eq!(sandbox.envd.unwrap().envd_url, Some(format!("https://a.example/envd/{id}")));
    for (option, value, message) in [
        ("--public-url", "a.example", "write it as https://"),
        ("--trusted-proxies", "10.0.0.1,nobody", "write it as 10.0.0.1 or 10.0.0.0/8"),
    ] {
        let output = run(sandbar().args(["serve", option, value]));
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
}

#[test]
fn beyond_loopback_it_needs_a_chosen_key() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(sandbar().args(["serve", "--listen", "0.0.0.0:0", "--data-dir"]).arg(folder.path()));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("choose a key with --api-key or SANDBAR_API_KEY"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_folder_or_port_in_use_is_named() {
    let serve = Serve::start();
    let again = run(sandbar().args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(serve.folder.path()));
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("another engine uses the data folder"), "{}", text(&again.stderr));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let output = run(sandbar().args(["serve", "--listen", &address, "--data-dir"]).arg(folder.path()));
    let message = text(&output.stderr);
    assert!(
        message.contains(&format!("can't listen on {address}")) && message.contains("port 0 takes a free one"),
        "{message}"
    );
}

#[test]
fn a_missing_bwrap_is_named_with_how_to_install_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(sandbar()
        .env("PATH", folder.path())
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path()));
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message.contains("the program bwrap is not installed") && message.contains("apt-get install bubblewrap"),
        "{message}"
    );
}

#[test]
fn a_missing_agent_is_named_with_how_to_build_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(sandbar().env("SANDBAR_AGENT", "/nowhere").args(["serve", "--data-dir"]).arg(folder.path()));
    let message = text(&output.stderr);
    assert!(message.contains("agent is not at /nowhere") && message.contains("npm run build"), "{message}");
}

#[test]
fn an_ordinary_user_gets_the_same_sandboxes() {
    let folder = open_folder();
    let script = r#"
        const { SEACLOUD_API_KEY: key, SEACLOUD_BASE_URL: base } = process.env;
        const post = (url, headers, body) => fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
        const created = await post(`${base}/api/v1/sandboxes`, { "X-API-Key": key }, { waitReady: true });
        const { envdUrl, envdAccessToken } = await created.json();
        const cmd = "id -u; grep CapEff /proc/self/status; touch /root/workspace/mine && echo written";
        const answer = await post(`${envdUrl}/run`, { "X-Access-Token": envdAccessToken }, { cmd });
        console.log(await answer.text());
    "#;
    let temporary = open_folder();
    fs::set_permissions(temporary.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut command = for_everyone(folder.path());
    // A copy: the one in PATH may lie in root's home.
    let node = folder.path().join("node");
    fs::copy(text(&run(Command::new("node").args(["-p", "process.execPath"])).stdout).trim(), &node).unwrap();
    command.env("TMPDIR", temporary.path()).args(["dev", "--"]).arg(node).args(["--input-type=module", "-e", script]);
    let output = run(&mut command);
    let answer = text(&output.stdout);
    assert!(output.status.success(), "{answer}{}", text(&output.stderr));
    assert!(answer.contains(r"0\nCapEff:\t0000000000000000\n"), "{answer}");
    assert!(answer.contains("written"), "{answer}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "a folder is left");
}

#[test]
fn the_data_folder_is_private() {
    let serve = Serve::start_with(&["--api-key", KEY]);
    let mode =
        |path: &Path| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777;
    assert_eq!(mode(serve.folder.path()), 0o700);
}

#[tokio::test]
async fn the_usual_limit_of_open_files_does_not_limit_sandboxes() {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"ulimit -S -n 64 && exec "$0" "$@""#, env!("CARGO_BIN_EXE_sandbar")]);
    command.env("SANDBAR_AGENT", agent()).env_remove("SANDBAR_API_KEY");
    let serve = Serve::start_by(command, &["--api-key", KEY]);
    futures_util::future::join_all((0..30).map(|_| serve.sandbox())).await;
}
