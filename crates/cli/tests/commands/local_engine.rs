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
