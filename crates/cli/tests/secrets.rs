//! Where secrets and sockets can be seen from outside: nowhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use sandbar_client::CallOptions;
use sandbar_protocol::{CreateOptions, Secret};
use support::{Serve, command_line, sandbar, text};
use tempfile::TempDir;

const KEY: &str = "the-api-key-9f2c";
const VALUE: &str = "the-value-of-a-variable-77d1";

/// An engine that logs all it can, into this folder, and has its key from its environment.
fn serve(logs: &TempDir) -> Serve {
    let mut command = Command::new("sh");
    let log = logs.path().join("serve.log");
    command.args(["-c", "exec \"$SANDBAR\" \"$@\" 2> \"$LOG\"", "sh"]).env("LOG", log);
    command.env("SANDBAR", sandbar().get_program()).env("SANDBAR_AGENT", support::agent());
    command.env("SANDBAR_API_KEY", KEY).env("SANDBAR_LOG", "trace,sqlx=debug");
    Serve::start_by(command, &[])
}

/// A running sandbox with a secret variable, and its access token.
async fn sandbox(serve: &Serve) -> String {
    let env_vars = BTreeMap::from([("TOKEN".to_owned(), Secret::new(VALUE))]);
    let options =
        CreateOptions { wait_ready: true, env_vars: env_vars.into_iter().collect(), ..CreateOptions::default() };
    let created = serve.client(KEY).create(&options, CallOptions::default()).await.unwrap().value;
    created.envd.unwrap().envd_access_token.unwrap().expose().to_owned()
}

#[tokio::test]
async fn no_secret_is_in_an_argument_an_environment_or_a_log() {
    let logs = tempfile::tempdir().unwrap();
    let mut serve = serve(&logs);
    let token = sandbox(&serve).await;
    let secrets = [KEY, VALUE, token.as_str()];
    let hides = |place: &str, shown: &str| {
        for secret in secrets {
            assert!(!shown.contains(secret), "{place} has a secret: {shown}");
        }
    };
    let others = serve.processes();
    assert!(others.len() >= 4, "the keeper, bwrap, its first process, the agent: {others:?}");
    for pid in others.iter().copied().chain([serve.child.id()]) {
        hides("the command line", &command_line(pid));
    }
    for pid in others {
        let environment = text(&fs::read(format!("/proc/{pid}/environ")).unwrap_or_default());
        hides(&format!("the environment of {}", command_line(pid)), &environment);
    }
    assert_eq!(serve.terminate(), Some(0));
    let log = fs::read_to_string(logs.path().join("serve.log")).unwrap();
    assert!(log.contains("DEBUG"), "{log}");
    hides("the log", &log);
    hides("the keeper's log", &fs::read_to_string(serve.folder.path().join("keeper.log")).unwrap());
}

#[tokio::test]
async fn the_data_folder_and_its_sockets_are_closed_to_other_users() {
    let logs = tempfile::tempdir().unwrap();
    let mut serve = serve(&logs);
    sandbox(&serve).await;
    let folder = serve.folder.path();
    let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("run"), mode("sandboxes")), (0o700, 0o700, 0o700));
    assert_eq!((mode("keeper.sock"), mode("keeper.log")), (0o600, 0o600));
    let sockets = fs::read_dir(folder.join("run")).unwrap().flatten().map(|entry| entry.path());
    let sockets: Vec<_> = sockets.filter(|path| path.extension().is_some_and(|kind| kind == "sock")).collect();
    assert!(!sockets.is_empty());
    for socket in sockets {
        assert_eq!(fs::metadata(socket).unwrap().permissions().mode() & 0o777, 0o600);
    }
    if nix::unistd::geteuid().is_root() {
        // As root tests have it, the folder's own parent lets everyone in.
        for file in ["keeper.sock", "engine.db", "run", "sandboxes"] {
            let mut look = Command::new("ls");
            look.arg(folder.join(file)).current_dir("/").uid(65_534).gid(65_534);
            let seen = support::run(&mut look);
            assert!(!seen.status.success() && text(&seen.stderr).contains("Permission denied"), "{seen:?}");
        }
    }
    assert_eq!(serve.terminate(), Some(0));
}
