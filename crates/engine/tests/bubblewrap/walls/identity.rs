//! Who a sandbox is on the host, and what that lets it do.

use std::collections::HashSet;
use std::fs;

use nix::libc;

use crate::support::{Host, host_uid, is_root};

#[tokio::test]
async fn root_inside_is_nobody_on_the_host() {
    let host = Host::new();
    let sandbox = host.running().await;
    assert_eq!(sandbox.says("id -u; id -g").await, "0\n0");
    let members = sandbox.pid_namespace().await.members();
    assert!(members.len() >= 2, "the first process and the agent");
    for pid in &members {
        let map = fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap();
        let mapped: Vec<&str> = map.split_whitespace().collect();
        assert_eq!(mapped, ["0", &host_uid(*pid).to_string(), "1"], "one user, and no other");
    }
    for pid in members.into_iter().chain(sandbox.launched()) {
        let uid = host_uid(pid);
        assert_ne!(uid, 0);
        assert!(if is_root() { uid >= 2_000_000 } else { uid == nix::unistd::geteuid().as_raw() });
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_home_that_belongs_to_the_hosts_root_is_not_run_as_root() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // As a copy of a data folder leaves it, or a crash in the middle of its making.
    fs::create_dir_all(folder.path().join("sandboxes/sb-copied/home/workspace")).unwrap();
    let host = Host::in_folder(folder, |_| {});
    let sandbox = host.sandbox_named("sb-copied".to_owned());
    let refused = sandbox.start().await.unwrap_err();
    assert_eq!(refused.reason, "home_not_owned");
    assert!(refused.message.contains("belongs to user 0"), "{refused:?}");
    assert!(sandbox.launched().is_empty());
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn no_process_has_capabilities_or_may_gain_any_and_the_filter_is_on() {
    let host = Host::new();
    let sandbox = host.running().await;
    let status = sandbox.says("cat /proc/[0-9]*/status").await;
    let values = |name: &str| -> HashSet<String> {
        let lines = status.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        lines.map(str::to_owned).collect()
    };
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(values(set), HashSet::from(["0000000000000000".to_owned()]), "{set}");
    }
    assert_eq!(values("NoNewPrivs"), HashSet::from(["1".to_owned()]));
    assert_eq!(values("Seccomp"), HashSet::from(["2".to_owned()]), "filter mode");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn every_mount_ignores_the_bits_and_devices_that_give_rights() {
    let host = Host::new();
    let sandbox = host.running().await;
    let mounts = sandbox.says("cut -d' ' -f5,6 /proc/self/mountinfo").await;
    for mount in mounts.lines() {
        let (place, options) = mount.split_once(' ').unwrap();
        let has = |name: &str| options.split(',').any(|option| option == name);
        assert!(has("nosuid"), "{mount}");
        assert!(has("nodev") || place.starts_with("/dev/"), "{mount}");
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn what_needs_the_hosts_root_is_refused() {
    let host = Host::new();
    let sandbox = host.running().await;
    for line in [
        "mknod /root/disk b 254 0",
        "mknod /root/memory c 1 1",
        "chroot / true",
        "chrt -f 1 true",
        "date -s 2020-01-01",
        "swapon /root/workspace",
        "hostname other",
        "nice -n -5 true 2>&1 | grep -v 'cannot set niceness'",
        "chown 1000 /root/workspace",
        "echo -1000 > /proc/1/oom_score_adj",
        "echo -1000 > /proc/self/oom_score_adj",
        "echo '0 0 1' > /proc/self/uid_map",
        "echo x > /proc/self/attr/current",
    ] {
        sandbox.is_refused(line, "").await;
    }
    let calls = [
        format!("{}, 1000", libc::SYS_setuid),
        format!("{}, 1000", libc::SYS_setgid),
        // Into the class that always comes first.
        format!("{}, 1, 0, 8192", libc::SYS_ioprio_set),
    ];
    if let Some(errnos) = sandbox.errnos(&calls.each_ref().map(String::as_str)).await {
        assert_eq!(errnos, [libc::EINVAL, libc::EINVAL, libc::EPERM], "there is no other user inside");
    }
    sandbox.destroy().await.unwrap();
}
