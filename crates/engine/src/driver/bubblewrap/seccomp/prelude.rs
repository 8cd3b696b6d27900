//! What comes before the rules: answers that they can't give.

use nix::libc;
use seccompiler::sock_filter;

/// On x86-64, system calls of the x32 kind have this bit: the numbers of the rules would not match them.
const X32_BIT: u32 = 0x4000_0000;

#[cfg(target_arch = "x86_64")]
const SYS_SETRLIMIT: i64 = libc::SYS_setrlimit;
/// Not in `libc` for the others, which all have the same number.
#[cfg(not(target_arch = "x86_64"))]
const SYS_SETRLIMIT: i64 = 164;

/// Where the kernel shows a call: its number, and the halves of its arguments.
const NUMBER: u32 = 0;
const fn low_half(argument: u32) -> u32 {
    16 + 8 * argument
}
const fn high_half(argument: u32) -> u32 {
    low_half(argument) + 4
}

/// The instructions; they fall through to what follows them.
pub(super) fn instructions() -> Vec<sock_filter> {
    unknown_kinds().into_iter().chain(core_limits()).collect()
}

/// "No such call" for what the rules can't look into: x32 calls, and clone3, whose flags are in memory, for which programs
/// fall back to clone. The same for `io_setup`: the machine has few contexts of this kind (`fs.aio-max-nr`), no limit
/// counts them for a sandbox, and programs fall back to ordinary reads and writes.
fn unknown_kinds() -> Vec<sock_filter> {
    let mut program = vec![load(NUMBER)];
    if cfg!(target_arch = "x86_64") {
        program.push(instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 2, 0, X32_BIT));
    }
    program.push(if_equal(libc::SYS_clone3 as u32, 1, 0));
    program.push(if_equal(libc::SYS_io_setup as u32, 0, 1));
    program.push(answer(libc::ENOSYS));
    program
}

/// "Done" for setting the limit of core files, and nothing is: at its value, 1, no crash is handed to the host's handler
/// of them, a program with the host's rights. At 0 it would be. Programs that forbid core files go on.
fn core_limits() -> [sock_filter; 11] {
    let resource = libc::RLIMIT_CORE;
    [
        // prlimit64(pid, resource, new, old), unless `new` is null: that is a question.
        if_equal(libc::SYS_prlimit64 as u32, 0, 6),
        load(low_half(1)),
        if_equal(resource, 0, 8),
        load(low_half(2)),
        if_equal(0, 0, 5),
        load(high_half(2)),
        if_equal(0, 4, 3),
        // setrlimit(resource, new)
        if_equal(SYS_SETRLIMIT as u32, 0, 3),
        load(low_half(0)),
        if_equal(resource, 0, 1),
        answer(0),
    ]
}

fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Skips as many instructions as are given for either case.
fn if_equal(value: u32, then: u8, otherwise: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, then, otherwise, value)
}

/// The call is not made, and returns this error; 0 is success.
fn answer(errno: i32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32)
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}
