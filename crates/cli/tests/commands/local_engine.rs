use std::net::TcpListener;
use std::os::unix::fs::symlink;

use super::{Serve, failure, text, unconfigured};

#[test]
fn commands_find_the_engine_that_runs_here_and_no_other() {
    let mut serve = Serve::start_with(&[]);
    let home = tempfile::tempdir().unwrap();
    symlink(serve.folder.path(), home.path().join("sandbar")).unwrap();
    let ls = || {
        let mut command = unconfigured();
        command.env("XDG_DATA_HOME", home.path()).args(["ls", "--json"]);
        command
    };
    assert_eq!(text(&ls().output().unwrap().stdout), "[]\n");
    // Half a configuration is a mistake, and not a reason to look elsewhere.
    let (code, message) = failure(ls().env("SEACLOUD_API_KEY", "of another service"));
    assert_eq!(code, 2);
    assert!(message.contains("there is no base URL"), "{message}");
    let found = format!("an engine runs on this machine at {}: `eval ", serve.url());
    assert!(message.contains(&found) && message.contains("sandbar env"), "{message}");

    let address = serve.url().strip_prefix("http://").unwrap().to_owned();
    serve.kill();
    assert!(serve.folder.path().join("engine.json").exists(), "it was killed");
    let other = TcpListener::bind(address).unwrap();
    other.set_nonblocking(true).unwrap();
    let (code, message) = failure(&mut ls());
    assert_eq!(code, 2);
    assert!(message.contains("no engine runs here"), "{message}");
    assert_eq!(other.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "whoever has its port got a call");
    drop(other);
    serve.restart();
    assert_eq!(text(&ls().output().unwrap().stdout), "[]\n");
    assert_eq!(serve.terminate(), Some(0));
    assert!(!serve.folder.path().join("engine.json").exists());
}

#[test]
fn a_shell_gets_the_engine_by_env() {
    let serve = Serve::start_with(&[]);
    let home = tempfile::tempdir().unwrap();
    symlink(serve.folder.path(), home.path().join("sandbar")).unwrap();
    let key = serve.lines[0].strip_prefix("api key: ").unwrap();
    let env = |args: &[&str]| {
        let output = unconfigured().env("XDG_DATA_HOME", home.path()).arg("env").args(args).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let lines = format!("export SEACLOUD_BASE_URL='{}'\nexport SEACLOUD_API_KEY='{key}'\n", serve.url());
    assert_eq!(env(&[]), lines);
    assert!(env(&["--shell", "fish"]).starts_with("set -gx SEACLOUD_BASE_URL '"));
    let value: serde_json::Value = serde_json::from_str(&env(&["--json"])).unwrap();
    assert_eq!((&value["SEACLOUD_BASE_URL"], &value["SEACLOUD_API_KEY"]), (&serve.url().into(), &key.into()));
    // Elsewhere, by what it printed alone.
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("{lines}\nexec \"$0\" ls --json")]).arg(unconfigured().get_program());
    assert_eq!(text(&shell.env("XDG_DATA_HOME", "/nowhere").output().unwrap().stdout), "[]\n");
    assert_eq!(failure(unconfigured().arg("env")).0, 2, "there is none");
}
