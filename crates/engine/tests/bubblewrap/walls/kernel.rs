//! How much of the kernel can be reached.

use nix::libc;
use rustix::process::{Resource, getrlimit};

use crate::support::Host;

#[tokio::test]
async fn no_further_namespace_can_be_made() {
    let host = Host::new();
    let sandbox = host.running().await;
    for kind in ["-U", "-Ur", "-m", "-n", "-p", "-i", "-u", "-C", "-T"] {
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
        libc::SYS_acct,
        libc::SYS_add_key,
        libc::SYS_adjtimex,
        libc::SYS_bpf,
        libc::SYS_clock_adjtime,
        libc::SYS_clock_settime,
        libc::SYS_delete_module,
        libc::SYS_fanotify_init,
        libc::SYS_fanotify_mark,
        libc::SYS_finit_module,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fsopen,
        libc::SYS_fspick,
        libc::SYS_init_module,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_io_uring_setup,
        libc::SYS_kcmp,
        libc::SYS_kexec_file_load,
        libc::SYS_kexec_load,
        libc::SYS_keyctl,
        libc::SYS_lookup_dcookie,
        libc::SYS_migrate_pages,
        libc::SYS_mount,
        libc::SYS_mount_setattr,
        libc::SYS_move_mount,
        libc::SYS_move_pages,
        libc::SYS_name_to_handle_at,
        libc::SYS_nfsservctl,
        libc::SYS_open_by_handle_at,
        libc::SYS_open_tree,
        libc::SYS_perf_event_open,
        libc::SYS_pivot_root,
        libc::SYS_quotactl,
        libc::SYS_quotactl_fd,
        libc::SYS_reboot,
        libc::SYS_request_key,
        libc::SYS_setns,
        libc::SYS_settimeofday,
        libc::SYS_swapoff,
        libc::SYS_swapon,
        libc::SYS_syslog,
        libc::SYS_umount2,
        libc::SYS_userfaultfd,
        libc::SYS_vhangup,
        // open_tree_attr
        467,
    ];
    // Without the filter, most of these complain of their arguments instead.
    let calls = forbidden.map(|number| format!("{number}, 0, 0, 0, 0, 0"));
    if let Some(errnos) = sandbox.errnos(&calls.each_ref().map(String::as_str)).await {
        assert_eq!(errnos, forbidden.map(|_| libc::EPERM));
    }
    #[cfg(target_arch = "x86_64")]
    {
        let old = [libc::SYS_modify_ldt, libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_uselib, libc::SYS__sysctl];
        let calls = old.map(|number| format!("{number}, 0, 0, 0, 0, 0"));
        if let Some(errnos) = sandbox.errnos(&calls.each_ref().map(String::as_str)).await {
            assert_eq!(errnos, old.map(|_| libc::EPERM));
        }
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn contexts_for_asynchronous_io_are_not_there() {
    let host = Host::new();
    let sandbox = host.running().await;
    let calls = [format!("{}, 65536, my $context = pack(q(Q), 0)", libc::SYS_io_setup)];
    if let Some(errnos) = sandbox.errnos(&calls.each_ref().map(String::as_str)).await {
        assert_eq!(errnos, [libc::ENOSYS]);
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn huge_pages_are_refused() {
    let host = Host::new();
    let sandbox = host.running().await;
    let map = |flags: i32| {
        let flags = flags | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        format!("{}, 0, 2097152, {}, {flags}, -1, 0", libc::SYS_mmap, libc::PROT_READ)
    };
    let shared = |flags: i32| format!("{}, 0, 2097152, {}", libc::SYS_shmget, 0o600 | libc::IPC_CREAT | flags);
    let in_memory = |flags: u32| format!("{}, $text, {flags}", libc::SYS_memfd_create);
    // Of one gibibyte, as well.
    let of_size = 30 << 26;
    let huge = [
        map(libc::MAP_HUGETLB),
        map(libc::MAP_HUGETLB | of_size),
        shared(libc::SHM_HUGETLB),
        in_memory(libc::MFD_HUGETLB),
        in_memory(libc::MFD_HUGETLB | libc::MFD_CLOEXEC),
    ];
    if let Some(errnos) = sandbox.errnos(&huge.each_ref().map(String::as_str)).await {
        assert_eq!(errnos, [libc::EPERM; 5]);
    }
    let usual = [map(0), shared(0), in_memory(0)];
    if let Some(errnos) = sandbox.errnos(&usual.each_ref().map(String::as_str)).await {
        assert_eq!(errnos, [0; 3]);
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
async fn a_crash_is_not_handed_to_the_hosts_handler_of_crashes() {
    let host = Host::new();
    let sandbox = host.running().await;
    // 1, where the host allows it, is the number at which the kernel does nothing; at 0 it calls the handler.
    let expected = getrlimit(Resource::Core).maximum.map_or(1, |most| most.min(1)).to_string();
    let limits = "cat /proc/[0-9]*/limits | grep 'core file' | tr -s ' ' | cut -d' ' -f5 | sort -u";
    assert_eq!(sandbox.says(limits).await, expected);
    let forbidden = "ulimit -c 0 && grep 'core file' /proc/$$/limits | tr -s ' ' | cut -d' ' -f5";
    assert_eq!(sandbox.says(forbidden).await, expected, "it is said to be 0, and is not");
    let set = |pid: i32| format!("{}, {pid}, {}, $text, 0", libc::SYS_prlimit64, libc::RLIMIT_CORE);
    if let Some(errnos) = sandbox.errnos(&[&set(0), &set(1)]).await {
        assert_eq!(errnos, [0, 0]);
        assert_eq!(sandbox.says(limits).await, expected);
    }
    assert_eq!(sandbox.says("ulimit -n 100; ulimit -n; ulimit -c").await.lines().next(), Some("100"), "others are set");
    sandbox.run("sh -c 'kill -SEGV $$'").await;
    assert_eq!(sandbox.says("ls").await, "");
    sandbox.destroy().await.unwrap();
}
