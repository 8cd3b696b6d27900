//! Holds each sandbox within its limits, by what this machine has.

use std::fs;
use std::io;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::libc::SIGKILL;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;
use sandbar_protocol::{Diagnostic, ProcessLimits};

use super::busy::{self, Load};
use super::cgroup::{self, CpuTime, Group, Pace, Version};
use super::processes::tree;
use super::{BubblewrapConfig, disk_error, owner};
use crate::driver::{LimitsLevel, RuntimeLimits};

const MIB: u64 = 1024 * 1024;
/// Open files of one process, at most and at least.
const MAX_OPEN_FILES: u64 = 4096;
const MIN_OPEN_FILES: u64 = 256;
/// What the processes of one sandbox may open together, as a part of what the machine can (`fs.file-max`).
const OPEN_FILES_PART: u64 = 4;
/// What all sandboxes may have of the machine's processes and threads: three quarters.
const ALL_PROCESSES: (u64, u64) = (3, 4);
/// More refused processes than this between two looks are no accident.
const REFUSED: u64 = 10;
/// From this kernel on, the processes of a user are counted in each user namespace by itself.
const COUNTS_BY_NAMESPACE: (u32, u32) = (5, 14);

/// What holds the limits of all sandboxes of a data folder.
pub(super) struct Limits {
    /// The group in which each sandbox has its own; none: there are only the limits of single processes.
    group: Option<Group>,
    /// The most processes of a sandbox, if they can be counted.
    processes: Option<u64>,
    /// The most open files of a process.
    open_files: u64,
}

impl Limits {
    /// Finds what this machine has, and ends what engines that are gone have left in their groups.
    pub(super) fn open(config: &BubblewrapConfig) -> Result<Self, Diagnostic> {
        let failed = |error| disk_error("can't use the folder", &config.data_dir, &error);
        let group = cgroup::find(&owner::name(&config.data_dir).map_err(failed)?);
        if let Some(group) = &group {
            let gone = group.siblings().into_iter().filter(|(name, _)| owner::is_gone(name));
            let left = gone.map(|(_, group)| group.end()).chain([group.clear()]);
            for error in left.filter_map(Result::err) {
                tracing::warn!("a control group that an earlier engine left can't be removed: {error}");
            }
            if let Err(error) = group.limit_processes(all_processes()) {
                tracing::warn!("the processes of all sandboxes together can't be bounded: {error}");
            }
        }
        let countable = group.is_some() || geteuid().is_root() || counts_by_namespace();
        let open_files = open_files(setting("fs/file-max"), config.max_processes);
        Ok(Self { group, processes: countable.then_some(config.max_processes), open_files })
    }

    pub(super) fn level(&self) -> LimitsLevel {
        let name = match self.group.as_ref().map(Group::version) {
            Some(Version::V2) => "cgroup v2",
            Some(Version::V1) => "cgroup v1",
            None => "rlimits",
        };
        LimitsLevel {
            name: name.to_owned(),
            cpu: self.group.as_ref().is_some_and(Group::has_cpu),
            memory: self.group.is_some(),
            disk: true,
            processes: self.processes,
        }
    }

    /// The limits of a sandbox that is about to start.
    pub(super) fn bounds(&self, sandbox_id: &str, limits: RuntimeLimits) -> Bounds {
        let group = self.group.as_ref().map(|group| group.child(sandbox_id));
        Bounds {
            limits,
            processes: self.processes,
            open_files: self.open_files,
            group,
            kills_told: AtomicU64::new(0),
            kills_past: AtomicU64::new(0),
            load: Mutex::default(),
            is_busy: AtomicBool::new(false),
            refused_seen: AtomicU64::new(0),
            is_slowed: AtomicBool::new(false),
        }
    }

    /// Removes what was made for all sandboxes; none runs any more.
    pub(super) fn close(&self) {
        if let Some(group) = &self.group {
            // Another start on the same folder would use it again.
            let _ = group.try_remove();
        }
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        self.close();
    }
}

/// The limits of one sandbox.
pub(super) struct Bounds {
    limits: RuntimeLimits,
    processes: Option<u64>,
    open_files: u64,
    group: Option<Group>,
    /// Of the processes that were killed for want of memory, how many have been told.
    kills_told: AtomicU64,
    /// How many had been told one look earlier: an end that follows is not because of them.
    kills_past: AtomicU64,
    load: Mutex<Load>,
    is_busy: AtomicBool,
    /// The processes that were refused until the last look.
    refused_seen: AtomicU64,
    is_slowed: AtomicBool,
}

impl Bounds {
    /// Makes the sandbox's group. [`Self::remove`] is due afterwards, whether this failed or not.
    pub(super) fn set_up(&self) -> Result<(), Diagnostic> {
        let Some(group) = &self.group else { return Ok(()) };
        let made = group.create().and_then(|()| group.limit(self.limits, self.processes.unwrap_or(u64::MAX)));
        made.map_err(|error| not_held(&error))
    }

    /// What the agent takes on before anything else.
    pub(super) fn of_each_process(&self) -> ProcessLimits {
        let alone = self.group.is_none();
        ProcessLimits {
            file_bytes: Some(self.home_bytes()),
            open_files: Some(self.open_files),
            // A group counts better: in sum, and only what is really used.
            data_bytes: alone.then(|| self.limits.memory_mb.saturating_mul(MIB)),
            processes: self.processes.filter(|_| alone),
        }
    }

    /// Takes the first process in, from which all others come.
    pub(super) fn admit(&self, init_pid: i32) -> Result<(), Diagnostic> {
        self.group.as_ref().map_or(Ok(()), |group| group.add(init_pid)).map_err(|error| not_held(&error))
    }

    /// Whether processes were killed for want of memory since this was last asked.
    pub(super) fn new_kills(&self) -> bool {
        let kills = self.kills();
        let told = self.kills_told.swap(kills, Ordering::Relaxed);
        self.kills_past.store(told, Ordering::Relaxed);
        kills > told
    }

    /// One that has been busy since the last look, `elapsed` ago, gives way to those that want little: they would
    /// wait for it at each step of theirs.
    pub(super) fn give_way(&self, elapsed: Duration) {
        let Some(group) = &self.group else { return };
        let used = group.cpu_time().map_or(Duration::ZERO, CpuTime::total);
        let is_busy =
            self.load
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_busy(used, elapsed, busy::runnable, || group.threads());
        if self.is_busy.swap(is_busy, Ordering::Relaxed) != is_busy {
            // On an older kernel there is no such class: then all take turns.
            let _ = group.come_last(is_busy);
        }
        // What starts processes as fast as it can, beyond what it may have, keeps the kernel busy for everyone.
        let refused = group.refused_processes();
        let is_bomb = refused.saturating_sub(self.refused_seen.swap(refused, Ordering::Relaxed)) > REFUSED;
        if self.is_slowed.swap(is_bomb, Ordering::Relaxed) != is_bomb {
            let _ = group.set_pace(if is_bomb { Pace::Slowed } else { Pace::Full(self.limits.cpu_count) });
        }
    }

    /// Why a runtime ended just now with this status, if it was for its limits.
    pub(super) fn cause_of(&self, status: ExitStatus) -> Option<Diagnostic> {
        let lately = self.kills() > self.kills_past.load(Ordering::Relaxed);
        (was_killed(status) && lately).then(|| self.out_of_memory())
    }

    fn kills(&self) -> u64 {
        self.group.as_ref().map_or(0, Group::out_of_memory_kills)
    }

    /// It needed more memory than it may have.
    pub(super) fn out_of_memory(&self) -> Diagnostic {
        let message = format!("it ran out of memory: its processes may use {} MiB together", self.limits.memory_mb);
        Diagnostic::new("out_of_memory", message)
            .recommend("use less at once, or create it from a template with a larger memory_mb")
    }

    /// What the home may take of the disk.
    pub(super) fn home_bytes(&self) -> u64 {
        self.limits.disk_size_mb.saturating_mul(MIB)
    }

    pub(super) fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// Its processes, of which this is the first.
    pub(super) fn members(&self, init_pid: i32) -> Vec<i32> {
        self.group.as_ref().map_or_else(|| tree(init_pid), Group::members)
    }

    pub(super) fn processes(&self) -> Option<u64> {
        self.processes
    }

    /// Removes the sandbox's group, in which nothing runs any more.
    pub(super) async fn remove(&self) {
        let Some(group) = self.group.clone() else { return };
        if group.try_remove().is_ok() {
            return;
        }
        let ended = tokio::task::spawn_blocking(move || group.end()).await.unwrap_or_else(|e| Err(io::Error::other(e)));
        if let Err(error) = ended {
            tracing::warn!("a sandbox's control group can't be removed: {error}");
        }
    }
}

/// No crash in a sandbox writes an image of its memory, or calls the host's handler of crashes, which would run with the
/// host's rights on what a sandbox left it: 1 is the number for neither. It is inherited, and the system call filter holds
/// it. Nor does a crash of ours: it would write down secrets.
pub(super) fn forbid_core_files() {
    let set =
        getrlimit(Resource::RLIMIT_CORE).and_then(|(_, most)| setrlimit(Resource::RLIMIT_CORE, most.min(1), most));
    if let Err(error) = set {
        tracing::warn!("the limit of core files can't be set: {error}");
    }
}

/// As `bwrap` and shells have it: 128 + signal.
fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(SIGKILL) || status.code() == Some(128 + SIGKILL)
}

fn not_held(error: &io::Error) -> Diagnostic {
    Diagnostic::new("limits_failed", format!("its control group could not be made: {error}"))
        .recommend("delete sandboxes that are not needed; the engine must be allowed to write to its control groups")
}

/// Open files of one process, so that many processes together leave most of the machine's to others.
fn open_files(of_machine: u64, processes: u64) -> u64 {
    (of_machine / OPEN_FILES_PART / processes.max(1)).clamp(MIN_OPEN_FILES, MAX_OPEN_FILES)
}

fn all_processes() -> u64 {
    let (share, whole) = ALL_PROCESSES;
    setting("kernel/pid_max").min(setting("kernel/threads-max")) / whole * share
}

/// A limit of the machine; one that can't be read is none.
fn setting(name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default();
    text.trim().parse().unwrap_or(u64::MAX)
}

fn counts_by_namespace() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= COUNTS_BY_NAMESPACE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_of_a_sandbox_are_a_part_of_the_machines() {
        assert_eq!(open_files(2_470_878, 512), 1206);
        assert_eq!(open_files(u64::MAX, 512), MAX_OPEN_FILES);
        assert_eq!(open_files(10_000, 512), MIN_OPEN_FILES);
        assert_eq!(open_files(2_470_878, 0), MAX_OPEN_FILES);
    }
}
