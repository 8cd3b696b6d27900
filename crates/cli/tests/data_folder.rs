//! What an engine does with a data folder of which something is lost, damaged or full.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioExecutor;
use nix::sys::signal::Signal;
use sandbar_client::{CallOptions, ClientError};
use sandbar_protocol::{CreateOptions, PublicState};
use serde_json::Value;
use support::{KEY, Serve, run, sandbar, text};

async fn health(serve: &Serve) -> Value {
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let answer = client.get(format!("{}/health", serve.url()).parse().unwrap()).await.unwrap();
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

async fn state(serve: &Serve, id: &str) -> Option<PublicState> {
    serve.client(KEY).get(id, CallOptions::default()).await.unwrap().value.state
}

/// What the doctor says of the folder's set-aside pieces.
fn doctor(serve: &Serve) -> String {
    let mut command = sandbar();
    command.args(["doctor", "--listen", "127.0.0.1:0", "--data-dir"]).arg(serve.folder.path());
    command.env("XDG_DATA_HOME", serve.folder.path());
    text(&run(&mut command).stdout)
}

/// The one file of this name below a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name() == name {
                return Some(entry.path());
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    None
}

fn remove_database(folder: &Path) {
    for name in ["engine.db", "engine.db-wal", "engine.db-shm"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
}

fn empty_database(folder: &Path) {
    fs::write(folder.join("engine.db"), "").unwrap();
}

#[tokio::test]
async fn homes_are_set_aside_when_the_database_is_lost() {
    for lose in [remove_database, empty_database] {
        let mut serve = Serve::start();
        let id = serve.sandbox().await;
        serve.says(&id, "echo precious > work").await;
        serve.kill();
        lose(serve.folder.path());
        serve.restart();
        let unknown = serve.client(KEY).get(&id, CallOptions::default()).await.unwrap_err();
        assert!(matches!(unknown, ClientError::Api(error) if error.status == 404));
        let set_aside = serve.folder.path().join("set-aside");
        let work = find(&set_aside, "work").expect("the file is kept");
        assert_eq!(fs::read_to_string(work).unwrap(), "precious\n");
        let homes = fs::read_dir(find(&set_aside, "sandboxes").unwrap()).unwrap();
        assert_eq!(homes.count(), 1, "homes of warm runtimes are not kept");
        let health = health(&serve).await;
        assert_eq!(health["status"], "degraded");
        assert!(health["reasons"][0].as_str().unwrap().contains(&id), "{health}");
        let report = doctor(&serve);
        assert!(report.contains(&format!("sandboxes/{id}")) && report.contains("rm -r "), "{report}");
        serve.sandbox().await;
        assert_eq!(serve.terminate(), Some(0));
    }
}

#[tokio::test]
async fn logs_begin_anew_when_their_file_is_damaged() {
    let mut serve = Serve::start();
    let id = serve.sandbox().await;
    assert_eq!(serve.terminate(), Some(0));
    fs::write(serve.folder.path().join("logs.db"), "garbage".repeat(1000)).unwrap();
    serve.restart();
    assert_eq!(health(&serve).await["status"], "degraded");
    assert!(find(&serve.folder.path().join("set-aside"), "logs.db").is_some());
    serve.client(KEY).wait_ready(&id, CallOptions::default()).await.unwrap();
}

/// A folder in which nothing can be removed, by nobody, until this is dropped.
struct Immutable(PathBuf);

impl Immutable {
    /// `None` where that can't be done; says so.
    fn new(folder: &Path) -> Option<Self> {
        let made = chattr("+i", folder);
        if !made {
            println!("skipped: chattr +i needs root, and a file system that knows it");
        }
        made.then(|| Self(folder.to_owned()))
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        chattr("-i", &self.0);
    }
}

fn chattr(flag: &str, folder: &Path) -> bool {
    Command::new("chattr").arg(flag).arg(folder).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn an_engine_starts_beside_folders_that_can_not_be_removed() {
    let mut serve = Serve::start();
    let (deleted, unknown) = (serve.sandbox().await, "sb-unknown".to_owned());
    let folder = |id: &str| serve.folder.path().join("sandboxes").join(id);
    let (homes, file) =
        ([folder(&deleted).join("home"), folder(&unknown).join("home")], folder(&unknown).join("home/file"));
    fs::create_dir_all(&homes[1]).unwrap();
    fs::write(&file, "").unwrap();
    let folders = homes.iter().flat_map(|home| [home.as_path(), home.parent().unwrap()]);
    let Some(_immutable) = folders.map(Immutable::new).collect::<Option<Vec<_>>>() else { return };
    // Whatever the answer says: its files are still there.
    let _ = serve.client(KEY).delete(&deleted, CallOptions::default()).await;
    assert_eq!(serve.terminate(), Some(0));
    serve.restart();
    let id = serve.sandbox().await;
    assert_eq!(serve.says(&id, "echo usable").await, "usable");
    assert!(homes.iter().chain([&file]).all(|kept| kept.exists()));
}

#[tokio::test]
async fn an_engine_starts_without_what_it_can_do_without() {
    let mut serve = Serve::start();
    assert_eq!(serve.terminate(), Some(0));
    // The keeper can't write a log, and nothing can be removed from the folder of sockets.
    fs::remove_file(serve.folder.path().join("keeper.log")).unwrap();
    fs::create_dir(serve.folder.path().join("keeper.log")).unwrap();
    let stuck = serve.folder.path().join("run/stuck");
    fs::create_dir_all(&stuck).unwrap();
    let immutable = Immutable::new(&stuck);
    serve.restart();
    let set_aside = find(&serve.folder.path().join("set-aside"), "stuck").map(Immutable);
    let id = serve.sandbox().await;
    assert_eq!(serve.says(&id, "echo usable").await, "usable");
    assert_eq!(set_aside.is_some(), immutable.is_some());
}

/// A command that runs `sandbar` on a small disk of its own, mounted where its data folder is.
fn on_a_small_disk(mebibytes: u32) -> Command {
    let script = format!("mount -t tmpfs -o size={mebibytes}m,mode=700 sandbar-test \"$3\" && exec \"$0\" \"$@\"");
    let sandbar = sandbar();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).arg(sandbar.get_program());
    command.envs(sandbar.get_envs().filter_map(|(name, value)| Some((name, value?)))).env_remove("SANDBAR_API_KEY");
    command.stdin(Stdio::null());
    command
}

#[tokio::test]
async fn sandboxes_can_be_paused_and_deleted_on_a_full_disk_and_created_afterwards() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: a small disk can only be mounted by root");
        return;
    }
    let mut serve = Serve::start_by(on_a_small_disk(48), &["--api-key", KEY, "--warm", "base=0"]);
    let (filler, paused, deleted) = (serve.sandbox().await, serve.sandbox().await, serve.sandbox().await);
    let kept =
        serve.says(&filler, "cat /dev/zero > fill 2> /dev/null; cat /dev/zero >> more 2> /dev/null; echo full").await;
    assert_eq!(kept, "full");
    // What takes all that becomes free.
    serve.says(&filler, "(while true; do echo more >> log; done) > /dev/null 2>&1 & echo").await;
    let client = serve.client(KEY);
    assert!(client.pause(&paused, CallOptions::default()).await.is_ok());
    assert!(client.delete(&deleted, CallOptions::default()).await.unwrap());
    assert_eq!(state(&serve, &paused).await, Some(PublicState::Paused));
    assert_eq!(health(&serve).await["status"], "degraded");
    for _ in 0..20 {
        // Whether they are refused or fail for want of a home: they must not cost the next ones anything.
        let _ = client.create(&CreateOptions::default(), CallOptions::default()).await;
    }
    assert!(client.delete(&filler, CallOptions::default()).await.unwrap());
    // Its files are removed in the background.
    let deadline = Instant::now() + Duration::from_secs(20);
    while health(&serve).await["status"] != "ok" {
        assert!(Instant::now() < deadline, "never healthy: {}", health(&serve).await);
    }
    serve.sandbox().await;
    serve.signal(Signal::SIGTERM);
    assert_eq!(serve.child.wait().unwrap().code(), Some(0));
}
