//! What one sandbox sees of another.

use nix::libc;
use sandbar_engine::driver::RuntimeNotice;
use serde_json::json;

use crate::support::{Host, until};

#[tokio::test]
async fn sandboxes_do_not_see_or_reach_each_other() {
    let host = Host::new();
    let (one, other) = (host.running().await, host.running().await);
    one.says("echo mine > /root/mine; cp /root/mine /tmp/mine; cp /root/mine /dev/shm/mine").await;
    one.says("sleep 31415 > /dev/null 2>&1 &").await;
    assert_eq!(other.says("cat /proc/[0-9]*/cmdline | grep -c 3141[5]; true").await, "0");
    assert_eq!(other.says("ls /root/mine /tmp/mine /dev/shm/mine 2>/dev/null; true").await, "");
    assert_eq!(other.says("find / -name mine -not -path '/usr/*' -not -path '/proc/*' 2>/dev/null; true").await, "");
    // All that it can reach: its own processes, and the shell that does it.
    other.post("/run", json!({ "cmd": "kill -9 -1" }).to_string()).await.unwrap_err();
    assert!(matches!(host.next_exit().await, RuntimeNotice::Exited { sandbox_id, .. } if sandbox_id == other.id));
    assert_eq!(one.says("cat /root/mine /tmp/mine; cat /proc/[0-9]*/cmdline | grep -c 3141[5]").await, "mine\nmine\n1");
    one.destroy().await.unwrap();
    other.destroy().await.unwrap();
}

#[tokio::test]
async fn shared_memory_and_message_queues_are_the_sandboxs_own() {
    let host = Host::new();
    let (one, other) = (host.running().await, host.running().await);
    if one.has("perl").await {
        one.says("perl -e 'defined shmget(4242, 4096, 01666) && defined msgget(4242, 01666) or die $!'").await;
        let count = "cat /proc/sysvipc/shm /proc/sysvipc/msg | grep -c 4242; true";
        assert_eq!((one.says(count).await, other.says(count).await), ("2".into(), "0".into()));
        let open = |flags: i32| format!("{}, $text, {flags}, 384, 0", libc::SYS_mq_open);
        assert_eq!(one.errnos(&[&open(libc::O_CREAT | libc::O_RDWR)]).await, Some(vec![0]));
        assert_eq!(other.errnos(&[&open(libc::O_RDWR)]).await, Some(vec![libc::ENOENT]));
    }
    one.destroy().await.unwrap();
    other.destroy().await.unwrap();
}

#[tokio::test]
async fn one_loopback_does_not_lead_to_another() {
    let host = Host::new();
    let (one, other) = (host.running().await, host.running().await);
    if one.has("perl").await && one.has("bash").await {
        one.says(
            "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 5, LocalAddr => qq(127.0.0.1:4242)) or \
             die; $s->accept while 1' > /dev/null 2>&1 &",
        )
        .await;
        let connect = "bash -c 'echo > /dev/tcp/127.0.0.1/4242' 2> /dev/null";
        until("it listens", async || one.run(connect).await.exit_code == 0).await;
        assert_ne!(other.run(connect).await.exit_code, 0);
    }
    one.destroy().await.unwrap();
    other.destroy().await.unwrap();
}

#[tokio::test]
async fn processes_of_others_have_no_number_inside() {
    let host = Host::new();
    let (one, other) = (host.running().await, host.running().await);
    for pid in other.pid_namespace().await.members().into_iter().filter(|pid| *pid > 1000) {
        one.is_refused(&format!("kill -0 {pid}"), "No such process").await;
        one.is_refused(&format!("ls /proc/{pid}"), "No such file").await;
    }
    one.destroy().await.unwrap();
    other.destroy().await.unwrap();
}
