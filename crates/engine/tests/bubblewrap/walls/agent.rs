//! What the engine and the agent leave open.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nix::libc;
use rustix::io::{FdFlags, fcntl_setfd};
use serde_json::json;

use crate::support::{Host, command_line, until};

#[tokio::test]
async fn the_engines_environment_is_not_visible() {
    let host = Host::new();
    let sandbox = host.running().await;
    let own = sandbox.says("env").await;
    let all = sandbox.says("cat /proc/1/environ /proc/[0-9]*/environ | tr '\\0' '\\n'").await;
    let known = ["LISTEN_FDS=1", "PWD=/", "PWD=/root/workspace", ""];
    let strange: Vec<&str> =
        all.lines().filter(|line| !known.contains(line) && !own.lines().any(|owned| owned == *line)).collect();
    assert_eq!(strange, Vec::<&str>::new());
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn no_descriptor_of_the_engine_is_inherited() {
    let leaked = tempfile::NamedTempFile::with_prefix("sandbar-leaked-").unwrap();
    fcntl_setfd(leaked.as_file(), FdFlags::empty()).unwrap();
    let host = Host::new();
    let sandbox = host.running().await;
    assert_eq!(sandbox.says("ls /proc/self/fd | tr '\\n' ' '").await, "0 1 2 3", "the last one is the listing itself");
    assert!(!sandbox.run("ls -l /proc/[0-9]*/fd").await.stdout.contains("sandbar-leaked-"));
    for pid in sandbox.pid_namespace().await.members() {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            assert_ne!(target, leaked.path(), "process {pid}: {}", command_line(pid));
        }
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn the_agents_socket_is_nowhere_to_be_found() {
    let host = Host::new();
    let sandbox = host.running().await;
    let socket = host.folder.path().join("run").join(format!("{}.sock", sandbox.id));
    assert_eq!(fs::metadata(socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(sandbox.says("find / -xdev -type s; find /root /tmp /run /var -type s").await, "");
    let mode = fs::metadata(host.folder.path().join("run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "other users of the host can't reach it either");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn variables_reach_every_process_and_no_argument() {
    let host = Host::new();
    let sandbox = host.sandbox();
    sandbox.start_with_env("TOKEN", "s3cr3t-value").await;
    assert_eq!(sandbox.says("echo $TOKEN").await, "s3cr3t-value");
    assert_eq!(sandbox.execute(json!({ "cmd": "printenv", "args": ["TOKEN"] })).await.stdout, "s3cr3t-value\n");
    let all = sandbox.pid_namespace().await.members().into_iter().chain(sandbox.launched());
    for pid in all {
        assert!(!command_line(pid).contains("s3cr3t"), "{}", command_line(pid));
    }
    sandbox.destroy().await.unwrap();
}

/// The agent's own child takes a copy of its listening socket, stops it, and answers in its place. 9: it may not.
fn imposter() -> String {
    let (open, take) = (libc::SYS_pidfd_open, libc::SYS_pidfd_getfd);
    format!(
        "my $agent = getppid; my $p = syscall({open}, $agent, 0); my $l = syscall({take}, $p, 3, 0); exit 9 if $l < 0;
         exit 0 if fork; open(STDOUT, '>/dev/null'); open(STDERR, '>/dev/null'); open(my $s, qq(+<&=$l)); $s->blocking(1);
         kill STOP => $agent; open(my $seen, '>', '/root/seen'); $seen->autoflush(1);
         while (accept(my $c, $s)) {{
             sysread($c, my $r, 65536); print $seen $r;
             syswrite($c, qq(HTTP/1.1 200 OK\\r\\ncontent-length: 7\\r\\n\\r\\n\"a lie\")); close $c
         }}"
    )
}

#[tokio::test]
async fn an_imposter_gets_requests_and_ends_with_its_sandbox() {
    let host = Host::new();
    let sandbox = host.running().await;
    if !sandbox.has("perl").await {
        return;
    }
    let namespace = sandbox.pid_namespace().await;
    let take = json!({ "cmd": "perl", "args": ["-MIO::Handle", "-e", imposter()] }).to_string();
    let took = tokio::time::timeout(Duration::from_secs(2), sandbox.post("/run", take)).await;
    if matches!(took, Ok(Ok((_, answer))) if answer["exit_code"] == 9) {
        return println!("skipped: this machine lets no process look into another");
    }
    until("the imposter answers", async || {
        let asked = tokio::time::timeout(Duration::from_secs(1), sandbox.post("/run", "{}")).await;
        matches!(asked, Ok(Ok((_, answer))) if answer == "a lie")
    })
    .await;
    assert!(fs::read_to_string(sandbox.home.join("seen")).unwrap().starts_with("POST /run"));
    sandbox.destroy().await.unwrap();
    assert!(namespace.members().is_empty() && sandbox.is_gone());
}
