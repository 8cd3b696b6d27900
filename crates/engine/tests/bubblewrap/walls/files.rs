//! What of the host's files and settings is there, and what can be written.

use std::fs;

use serde_json::json;

use crate::support::Host;

#[tokio::test]
async fn the_kernels_settings_can_not_be_written() {
    let host = Host::new();
    let sandbox = host.running().await;
    for setting in ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches"] {
        sandbox.is_refused(&format!("echo 1 > {setting}"), "Read-only file system").await;
    }
    sandbox.is_refused("mount -o remount,rw /proc/sys", "permission denied").await;
    sandbox.is_refused("umount /proc/sys", "").await;
    sandbox.is_refused("echo 1 > /proc/sys/kernel/core_pattern", "Read-only file system").await;
    sandbox.is_refused("echo c > /proc/sysrq-trigger", "").await;
    sandbox.is_refused("ls /sys", "No such file").await;
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn nothing_of_the_hosts_files_is_there_but_usr() {
    let host = Host::new();
    let secret = host.folder.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let sandbox = host.running().await;
    for path in [secret.to_str().unwrap(), host.folder.path().to_str().unwrap(), "/etc/shadow", "/boot", "/var/lib"] {
        sandbox.is_refused(&format!("ls -d {path} /proc/1/root/{path}"), "No such file").await;
    }
    assert_eq!(sandbox.says("ls -A /home /media /mnt /opt /srv /run /tmp | grep -v ':$'; true").await, "");
    assert_eq!(sandbox.says("ls -A /root /root/workspace").await, "/root:\nworkspace\n\n/root/workspace:");
    let top = sandbox.says("ls -A /").await;
    let expected = "bin dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv tmp usr var .sandbar";
    let strange: Vec<&str> = top.lines().filter(|name| !expected.split(' ').any(|known| known == *name)).collect();
    assert_eq!(strange, Vec::<&str>::new());
    assert_eq!(sandbox.says("cat /etc/passwd | wc -l").await, "2");
    assert_eq!(
        sandbox.says("hostname; cat /etc/hostname /proc/sys/kernel/hostname").await,
        "sandbox\nsandbox\nsandbox"
    );
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn root_dev_and_usr_are_read_only_and_home_and_tmp_are_not() {
    let host = Host::new();
    let sandbox = host.running().await;
    for folder in ["/", "/dev", "/usr", "/usr/bin", "/etc", "/etc/ssl", "/home", "/opt", "/.sandbar", "/bin"] {
        sandbox.is_refused(&format!("touch {folder}/x"), "Read-only file system").await;
    }
    sandbox.is_refused("chmod u+w /usr/bin/env", "Read-only file system").await;
    sandbox.is_refused("cat /usr/bin/env > /.sandbar/agent", "").await;
    for folder in ["/root", "/root/workspace", "/tmp", "/var", "/var/tmp", "/run", "/dev/shm"] {
        sandbox.says(&format!("echo x > {folder}/x && cat {folder}/x")).await;
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn what_is_kept_in_memory_is_bounded() {
    let host = Host::new();
    let sandbox = host.running().await;
    for (folder, mib) in [("/dev/shm", 65), ("/run", 17), ("/var/tmp", 65)] {
        let fill = format!("head -c {mib}M /dev/zero > {folder}/full");
        sandbox.is_refused(&fill, "No space left on device").await;
    }
    let sizes = sandbox.says("grep tmpfs /proc/self/mounts | grep -w rw | grep -vc size=; true").await;
    assert_eq!(sizes, "0", "a writable tmpfs without a size");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn nothing_in_proc_can_be_written_but_ones_own_processes() {
    let host = Host::new();
    let sandbox = host.running().await;
    let found = "find /proc -path '/proc/[0-9]*' -prune -o -type f -writable -print 2>/dev/null";
    // Everyone may ask there to be told of a shortage: nothing is set by it.
    let strange = sandbox.says(&format!("({found}) | grep -v ^/proc/pressure/; true")).await;
    assert_eq!(strange, "");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn what_the_kernel_tells_root_alone_is_closed() {
    let host = Host::new();
    let sandbox = host.running().await;
    for name in ["kcore", "kmsg", "timer_list", "slabinfo", "vmallocinfo", "pagetypeinfo", "kpagecount", "kpageflags"] {
        sandbox.is_refused(&format!("head -c 1 /proc/{name}"), "cannot open").await;
    }
    sandbox.is_refused("cat /proc/self/stack", "Permission denied").await;
    sandbox.is_refused("dmesg", "").await;
    sandbox.is_refused("ls /sys/kernel", "No such file").await;
    sandbox.is_refused("ls /proc/sys/fs/binfmt_misc/register", "No such file").await;
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn devices_are_the_few_that_programs_need() {
    let host = Host::new();
    let sandbox = host.running().await;
    let list =
        "for f in /dev/* /dev/pts/*; do if [ -c $f -o -b $f ] && ! [ -L $f ]; then echo $f; fi; done | tr '\\n' ' '";
    assert_eq!(
        sandbox.says(list).await,
        "/dev/full /dev/null /dev/random /dev/tty /dev/urandom /dev/zero /dev/pts/ptmx"
    );
    sandbox.is_refused("rm /dev/null", "Read-only file system").await;
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn control_groups_are_out_of_reach() {
    let host = Host::new();
    let sandbox = host.running().await;
    assert_eq!(sandbox.says("grep -c cgroup /proc/self/mountinfo; true").await, "0");
    let found = "find / -name release_agent -o -name cgroup.procs -o -name notify_on_release 2>/dev/null; true";
    assert_eq!(sandbox.says(found).await, "");
    sandbox.says("mkdir /tmp/groups").await;
    sandbox.is_refused("mount -t cgroup -o memory none /tmp/groups", "").await;
    sandbox.is_refused("mount -t cgroup2 none /tmp/groups", "").await;
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_home_that_was_locked_or_emptied_starts_again() {
    let host = Host::new();
    let sandbox = host.running().await;
    for harm in ["rm -r /root/workspace", "chmod 000 /root", "rm -r /root/workspace; chmod 000 /root"] {
        sandbox.run(harm).await;
        sandbox.stop().await;
        sandbox.start().await.unwrap_or_else(|diagnostic| panic!("{harm}: {diagnostic:?}"));
        assert_eq!(sandbox.says("echo x > file; pwd -P; cat file").await, "/root/workspace\nx", "{harm}");
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_trap_in_place_of_the_workspace_leads_nowhere_on_the_host() {
    let elsewhere = tempfile::tempdir().unwrap();
    let host = Host::new();
    let sandbox = host.running().await;
    for trap in [
        format!("ln -s {}/made /root/workspace", elsewhere.path().display()),
        "ln -s workspace /root/workspace".to_owned(),
        "mkfifo /root/workspace".to_owned(),
        "touch /root/workspace".to_owned(),
    ] {
        let set = format!("rm -r /root/workspace; {trap}");
        assert_eq!(sandbox.execute(json!({ "cmd": set, "cwd": "/root" })).await.exit_code, 0, "{trap}");
        sandbox.stop().await;
        sandbox.start().await.unwrap_or_else(|diagnostic| panic!("{trap}: {diagnostic:?}"));
        let (_, _, message) = sandbox.refusal(r#"{"cmd":"true"}"#).await;
        assert!(message.contains("the working directory /root/workspace"), "{trap}: {message}");
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    sandbox.destroy().await.unwrap();
    assert!(!sandbox.home.exists());
}

#[tokio::test]
async fn a_hard_link_to_the_hosts_files_is_refused() {
    let host = Host::new();
    let sandbox = host.running().await;
    sandbox.is_refused("ln /usr/bin/env /root/env", "Invalid cross-device link").await;
    sandbox.is_refused("ln /etc/passwd /tmp/passwd", "Invalid cross-device link").await;
    sandbox.destroy().await.unwrap();
}
