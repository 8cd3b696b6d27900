//! The rules of isolation, attacked from inside of real sandboxes.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use nix::libc;
use rustix::io::{FdFlags, fcntl_setfd};
use sandbar_engine::driver::RuntimeNotice;
use serde_json::json;

use crate::support::{Host, command_line, host_uid, is_root};

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
async fn there_is_no_network_but_a_loopback_of_its_own() {
    let host = Host::new();
    let sandbox = host.running().await;
    assert_eq!(sandbox.says("tail -n +3 /proc/net/dev | cut -d: -f1").await.trim(), "lo");
    assert_eq!(sandbox.says("tail -n +2 /proc/net/route").await, "");
    if sandbox.has("bash").await {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connect = |host: &str, port| format!("bash -c 'echo > /dev/tcp/{host}/{port}'");
        sandbox.is_refused(&connect("127.0.0.1", port), "Connection refused").await;
        sandbox.is_refused(&connect("192.0.2.1", 80), "unreachable").await;
    }
    if sandbox.has("perl").await {
        // Names of this kind belong to the network namespace, not to the file system.
        let name = sandbox.id.clone();
        let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let script = format!(
            "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un(qq(\\0{name}))) or die $!"
        );
        let answer = sandbox.execute(json!({ "cmd": "perl", "args": ["-e", script] })).await;
        assert!(answer.stderr.starts_with("Connection refused"), "{answer:?}");
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn no_further_namespace_can_be_made() {
    let host = Host::new();
    let sandbox = host.running().await;
    for kind in ["-U", "-Ur", "-m", "-n", "-p", "-i", "-u", "-C"] {
        sandbox.is_refused(&format!("unshare {kind} true"), "Operation not permitted").await;
    }
    sandbox.is_refused("nsenter -t 1 -U true", "Operation not permitted").await;
    let clone = |flag: i32| format!("{}, {}, 0, 0, 0, 0", libc::SYS_clone, flag | libc::SIGCHLD);
    let kinds = [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWUSER | libc::CLONE_NEWNET].map(clone);
    let clone3 = format!("{}, 0, 0", libc::SYS_clone3);
    if let Some(errnos) = sandbox.errnos(&[&kinds[0], &kinds[1], &kinds[2], &clone3]).await {
        assert_eq!(errnos, [libc::EPERM, libc::EPERM, libc::EPERM, libc::ENOSYS]);
    }
    if sandbox.has("python3").await {
        sandbox.is_refused("python3 -c 'import os; os.unshare(os.CLONE_NEWUSER)' || false", "").await;
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn forbidden_system_calls_are_refused_by_the_filter() {
    let host = Host::new();
    let sandbox = host.running().await;
    let forbidden = [
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_move_mount,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        libc::SYS_mount_setattr,
        libc::SYS_setns,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_io_uring_setup,
        libc::SYS_userfaultfd,
        libc::SYS_open_by_handle_at,
        libc::SYS_name_to_handle_at,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_syslog,
    ];
    // Without the filter, most of these complain of their arguments instead.
    let calls = forbidden.map(|number| format!("{number}, 0, 0, 0, 0, 0"));
    if let Some(errnos) = sandbox.errnos(&calls.each_ref().map(String::as_str)).await {
        assert_eq!(errnos, forbidden.map(|_| libc::EPERM));
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn typing_into_a_terminal_is_refused() {
    let host = Host::new();
    let sandbox = host.running().await;
    let typing = |request: u64| format!("{}, 0, {request}, $text", libc::SYS_ioctl);
    // The kernel looks at the lower half of the request only.
    let calls = [typing(libc::TIOCSTI), typing(1 << 32 | libc::TIOCSTI), typing(libc::TIOCLINUX)];
    if let Some(errnos) = sandbox.errnos(&calls.each_ref().map(String::as_str)).await {
        assert_eq!(errnos, [libc::EPERM; 3]);
    }
    sandbox.is_refused("echo x > /dev/tty", "No such device or address").await;
    sandbox.destroy().await.unwrap();
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn system_calls_of_other_kinds_do_not_pass_the_filter_by() {
    let host = Host::new();
    let sandbox = host.running().await;
    let x32 =
        [libc::SYS_getpid, libc::SYS_mount, libc::SYS_keyctl].map(|call| format!("{}, 0, 0, 0", 0x4000_0000 | call));
    if let Some(errnos) = sandbox.errnos(&x32.each_ref().map(String::as_str)).await {
        assert_eq!(errnos, [libc::ENOSYS; 3]);
    }
    let octal: String = exit_in_32_bits().iter().map(|byte| format!("\\{byte:03o}")).collect();
    let ended = sandbox.run(&format!("printf '{octal}' > /tmp/old && chmod +x /tmp/old && /tmp/old")).await;
    // Killed by SIGSYS, or the kernel runs no such programs at all.
    assert!([128 + libc::SIGSYS, 126].contains(&ended.exit_code), "{ended:?}");
    sandbox.destroy().await.unwrap();
}

/// An i386 program that calls `exit(0)`.
#[cfg(target_arch = "x86_64")]
fn exit_in_32_bits() -> Vec<u8> {
    const BASE: u32 = 0x0804_8000;
    let half = |value: u16| value.to_le_bytes().to_vec();
    let word = |value: u32| value.to_le_bytes().to_vec();
    [
        // Magic, 32 bits, little endian; executable, i386.
        b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0".to_vec(),
        // Entry, program headers, no sections, no flags, sizes.
        [word(BASE + 84), word(52), word(0), word(0)].concat(),
        [half(52), half(32), half(1), half(40), half(0), half(0)].concat(),
        // One readable and executable segment.
        [word(1), word(0), word(BASE), word(BASE), word(93), word(93), word(5), word(4096)].concat(),
        // xor ebx, ebx; mov eax, 1; int 0x80
        b"\x31\xdb\xb8\x01\0\0\0\xcd\x80".to_vec(),
    ]
    .concat()
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
    assert!(host.folder.path().join("run").join(format!("{}.sock", sandbox.id)).exists());
    assert_eq!(sandbox.says("find / -xdev -type s; find /root /tmp /run /var -type s").await, "");
    let mode = fs::metadata(host.folder.path().join("run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "other users of the host can't reach it either");
    sandbox.destroy().await.unwrap();
}

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
