use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::skeleton::SHARED;
use super::stage::Placed;

/// The descriptors that `bwrap` finds its things on.
pub(super) const LISTENER_FD: i32 = 3;
pub(super) const SECCOMP_FD: i32 = 4;
pub(super) const INFO_FD: i32 = 5;
pub(super) const GATE_FD: i32 = 6;

const MIB: u64 = 1024 * 1024;
/// File systems in memory: the most that each may hold, and its part of the sandbox's memory, if that is less. Together
/// they leave some to the processes: a full one is "no space left", and not an end for want of memory.
const TMP: Share = Share { most: 512 * MIB, part: 2 };
const SHM: Share = Share { most: 64 * MIB, part: 8 };
const VAR: Share = Share { most: 64 * MIB, part: 8 };
const RUN: Share = Share { most: 16 * MIB, part: 32 };

/// Where the agent is inside.
const AGENT: &str = "/.sandbar/agent";

/// Folders that programs expect, empty.
const EMPTY: [&str; 5] = ["/home", "/media", "/mnt", "/opt", "/srv"];
/// On a merged-usr host these are links into `/usr`; elsewhere they are folders.
const USR_LINKS: [&str; 6] = ["bin", "lib", "lib32", "lib64", "libx32", "sbin"];

struct Share {
    most: u64,
    part: u64,
}

impl Share {
    fn of(&self, memory: u64) -> u64 {
        self.most.min(memory / self.part)
    }
}

/// The namespaces, named one by one: `--unshare-all` only tries the user namespace.
pub(super) fn namespaces() -> Arguments {
    let mut args = Arguments::default();
    args.add(["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]);
    args.add(["--unshare-cgroup-try", "--disable-userns", "--uid", "0", "--gid", "0", "--cap-drop", "ALL"]);
    args.add(["--new-session", "--die-with-parent", "--clearenv"]);
    args.add(["--ro-bind", "/usr", "/usr"]);
    for name in USR_LINKS {
        let path = format!("/{name}");
        match fs::read_link(&path) {
            Ok(target) => args.add([OsString::from("--symlink"), target.into(), path.into()]),
            Err(_) if Path::new(&path).is_dir() => args.add(["--ro-bind", &path, &path]),
            Err(_) => {}
        }
    }
    args
}

/// The whole command line of a sandbox. No secret is in it: every user of the host can read it.
pub(super) fn sandbox(placed: &Placed<'_>, memory_mb: u64) -> Arguments {
    let memory = memory_mb.saturating_mul(MIB);
    let mut args = namespaces();
    args.add(["--seccomp", &SECCOMP_FD.to_string(), "--info-fd", &INFO_FD.to_string()]);
    args.add(["--block-fd", &GATE_FD.to_string()]);
    args.add(["--hostname", "sandbox", "--setenv", "LISTEN_FDS", "1"]);
    args.add(["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]);
    args.add(["--dev", "/dev"]);
    args.tmpfs("/dev/shm", SHM.of(memory), "1777");
    args.add(["--remount-ro", "/dev"]);
    args.tmpfs("/tmp", TMP.of(memory), "1777");
    args.tmpfs("/run", RUN.of(memory), "0755");
    args.tmpfs("/var", VAR.of(memory), "0755");
    args.add(["--perms", "1777", "--dir", "/var/tmp", "--symlink", "../run", "/var/run"]);
    for folder in EMPTY {
        args.add(["--dir", folder]);
    }
    args.add([OsString::from("--ro-bind"), placed.etc.into(), "/etc".into()]);
    for (name, _) in SHARED {
        let path = format!("/etc/{name}");
        args.add(["--ro-bind-try", &path, &path]);
    }
    args.add([OsString::from("--ro-bind"), placed.agent.into(), AGENT.into()]);
    args.add([OsString::from("--bind"), placed.home.clone().into(), "/root".into()]);
    args.add(["--remount-ro", "/", "--chdir", "/", "--", AGENT]);
    args
}

/// A command line in the making.
#[derive(Clone, Default)]
pub(super) struct Arguments(pub(super) Vec<OsString>);

impl Arguments {
    pub(super) fn add<T: Into<OsString>, const N: usize>(&mut self, args: [T; N]) {
        self.0.extend(args.map(Into::into));
    }

    fn tmpfs(&mut self, path: &str, bytes: u64, mode: &str) {
        self.add(["--perms", mode, "--size", &bytes.to_string(), "--tmpfs", path]);
    }
}
