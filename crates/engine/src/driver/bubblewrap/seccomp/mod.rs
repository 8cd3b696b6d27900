//! System calls that no program in a sandbox needs and that reach far into the kernel: refused.

mod denied;
mod prelude;

use std::collections::BTreeMap;

use nix::libc;
use sandbar_protocol::Diagnostic;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};

const NEW_NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// The only one that `clone` has no bit for.
const CLONE_NEWTIME: u64 = 0x80;

/// What programs talk through. Others are open doors: vsock, for one, reaches the machine that the host runs on, out of
/// any network namespace.
const SOCKET_FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
/// Of netlink: asking for addresses and for sockets.
const NETLINK_PROTOCOLS: [i32; 2] = [libc::NETLINK_ROUTE, libc::NETLINK_SOCK_DIAG];
/// Of the internet: whatever is usual for the type, and its names; others make the kernel load modules.
const INTERNET_PROTOCOLS: [i32; 6] = [
    libc::IPPROTO_IP,
    libc::IPPROTO_ICMP,
    libc::IPPROTO_TCP,
    libc::IPPROTO_UDP,
    libc::IPPROTO_ICMPV6,
    libc::IPPROTO_MPTCP,
];

/// Typing into a terminal that someone else reads.
const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541c;

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
    Ok(prelude::instructions().iter().chain(&filter).flat_map(to_bytes).collect())
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let denied = denied::CALLS.into_iter().chain(denied::CALLS_OF_OLD);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = denied.map(|call| (call, Vec::new())).collect();
    let has_bit = |flag: u64| when([condition(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)]);
    let mut new_namespace: Vec<SeccompRule> =
        NEW_NAMESPACES.into_iter().map(|flag| has_bit(flag as u64)).collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_clone, new_namespace.clone());
    new_namespace.push(has_bit(CLONE_NEWTIME)?);
    rules.insert(libc::SYS_unshare, new_namespace);
    rules.insert(libc::SYS_socket, sockets()?);
    rules.insert(libc::SYS_socketpair, sockets()?);
    // The machine's reserve of huge pages is outside of a sandbox's memory limit.
    let huge_pages = |argument: u8, flag: u64| {
        when([condition(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(flag), flag)])
    };
    rules.insert(libc::SYS_mmap, vec![huge_pages(3, libc::MAP_HUGETLB as u64)?]);
    rules.insert(libc::SYS_memfd_create, vec![huge_pages(1, libc::MFD_HUGETLB.into())?]);
    rules.insert(libc::SYS_shmget, vec![huge_pages(2, libc::SHM_HUGETLB as u64)?]);
    let typing = |request| when([condition(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, request)]);
    rules.insert(libc::SYS_ioctl, vec![typing(TIOCSTI)?, typing(TIOCLINUX)?]);
    Ok(rules)
}

/// `socket(family, type, protocol)`, but for what programs need.
fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let family = |family: i32| condition(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, family as u64);
    let none_of = |argument: u8, known: &[i32]| -> Vec<_> {
        let other = |value: &i32| condition(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, *value as u64);
        known.iter().map(other).collect()
    };
    let strange_protocol =
        |of: i32, known: &[i32]| when(std::iter::once(family(of)).chain(none_of(2, known)).collect::<Vec<_>>());
    Ok(vec![
        when(none_of(0, &SOCKET_FAMILIES))?,
        strange_protocol(libc::AF_NETLINK, &NETLINK_PROTOCOLS)?,
        strange_protocol(libc::AF_INET, &INTERNET_PROTOCOLS)?,
        strange_protocol(libc::AF_INET6, &INTERNET_PROTOCOLS)?,
    ])
}

/// A rule that matches when all conditions hold.
fn when(
    conditions: impl IntoIterator<Item = Result<SeccompCondition, BackendError>>,
) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

fn condition(
    argument: u8,
    length: SeccompCmpArgLen,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, length, compare, value)
}

fn to_bytes(instruction: &sock_filter) -> [u8; 8] {
    let [code0, code1] = instruction.code.to_ne_bytes();
    let [k0, k1, k2, k3] = instruction.k.to_ne_bytes();
    [code0, code1, instruction.jt, instruction.jf, k0, k1, k2, k3]
}
