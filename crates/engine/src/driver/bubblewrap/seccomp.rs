//! System calls that no program in a sandbox needs and that reach far into the kernel: refused.

use std::collections::BTreeMap;

use nix::libc;
use sandbar_protocol::Diagnostic;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};

const DENIED: [i64; 41] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
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
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
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
];

const NEW_NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// Typing into a terminal that someone else reads.
const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541c;

/// On x86-64, system calls of the x32 kind have this bit: the numbers below would not match them.
const X32_BIT: u32 = 0x4000_0000;

/// The filter as `bwrap` reads it.
pub(super) fn program() -> Result<Vec<u8>, Diagnostic> {
    let failed = |error: BackendError| {
        Diagnostic::new("seccomp_failed", format!("no system call filter: {error}"))
            .recommend("run the engine on x86_64 or aarch64, for which there is a filter")
    };
    let arch = std::env::consts::ARCH.try_into().map_err(failed)?;
    let filter = rules().and_then(|rules| {
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32), arch)
    });
    let filter: BpfProgram = filter.and_then(TryInto::try_into).map_err(failed)?;
    Ok(unknown_kinds().iter().chain(&filter).flat_map(to_bytes).collect())
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = DENIED.into_iter().map(|call| (call, Vec::new())).collect();
    let new_namespace = NEW_NAMESPACES
        .into_iter()
        .map(|flag| flag as u64)
        .map(|flag| when(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag))
        .collect::<Result<Vec<_>, _>>()?;
    rules.insert(libc::SYS_unshare, new_namespace.clone());
    rules.insert(libc::SYS_clone, new_namespace);
    let typing = |request| when(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, request);
    rules.insert(libc::SYS_ioctl, vec![typing(TIOCSTI)?, typing(TIOCLINUX)?]);
    Ok(rules)
}

fn when(
    argument: u8,
    length: SeccompCmpArgLen,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, length, compare, value)?])
}

/// "No such call" for what the filter can't look into: x32 calls, and clone3, whose flags are in memory. Programs then
/// fall back to clone.
fn unknown_kinds() -> Vec<sock_filter> {
    let instruction = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    let load_number = instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0);
    let no_such_call = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut program = vec![load_number];
    if cfg!(target_arch = "x86_64") {
        program.push(instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, 0, X32_BIT));
    }
    program.push(instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_clone3 as u32));
    program.push(instruction(libc::BPF_RET | libc::BPF_K, 0, 0, no_such_call));
    program
}

fn to_bytes(instruction: &sock_filter) -> [u8; 8] {
    let [code0, code1] = instruction.code.to_ne_bytes();
    let [k0, k1, k2, k3] = instruction.k.to_ne_bytes();
    [code0, code1, instruction.jt, instruction.jf, k0, k1, k2, k3]
}
