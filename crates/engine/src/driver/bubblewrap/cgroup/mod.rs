//! Control groups: what all processes of a sandbox use together, counted and bounded by the kernel.

mod find;
mod usage;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(super) use find::find;
pub(super) use usage::CpuTime;

use crate::driver::RuntimeLimits;

const MIB: u64 = 1024 * 1024;
/// How often a CPU quota is handed out anew, in µs.
const CPU_PERIOD: u64 = 100_000;
/// A fifth of a processor. Its turns are short: one that has none left may hold a lock of the kernel until its next.
const SLOWED_QUOTA: u64 = 2_000;
const SLOWED_PERIOD: u64 = 10_000;
/// The least that the kernel takes.
const LEAST_QUOTA: u64 = 1_000;
/// Of version 1, what the kernel may hold for TCP connections, as a part of the memory: it is not counted with the rest.
const SOCKET_PART: u64 = 8;
/// A group's last processes are gone within milliseconds of their kill.
const EMPTY_WAIT: Duration = Duration::from_secs(5);

/// The two interfaces of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// One group: a folder in each hierarchy of version 1, one folder in version 2.
#[derive(Clone, Debug)]
pub(super) struct Group {
    version: Version,
    memory: PathBuf,
    pids: PathBuf,
    /// Not every machine hands these on.
    cpu: Option<PathBuf>,
    cpuacct: Option<PathBuf>,
}

/// How much of the processors a group gets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// So many.
    Full(u32),
    /// A little.
    Slowed,
}

impl Group {
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Whether CPU time can be bounded.
    pub(super) fn has_cpu(&self) -> bool {
        self.cpu.is_some()
    }

    /// The group of that name in this one, which may not exist yet.
    pub(super) fn child(&self, name: &str) -> Self {
        self.at(|folder| folder.join(name))
    }

    /// The groups beside this one, by name.
    pub(super) fn siblings(&self) -> Vec<(String, Self)> {
        let parent = self.at(|folder| folder.parent().unwrap_or(folder).to_owned());
        parent.child_names().into_iter().map(|name| (name.clone(), parent.child(&name))).collect()
    }

    fn at(&self, place: impl Fn(&Path) -> PathBuf) -> Self {
        Self {
            version: self.version,
            memory: place(&self.memory),
            pids: place(&self.pids),
            cpu: self.cpu.as_deref().map(&place),
            cpuacct: self.cpuacct.as_deref().map(&place),
        }
    }

    /// Makes it; nothing of it is left after an error.
    pub(super) fn create(&self) -> io::Result<()> {
        let made = self.folders().into_iter().try_for_each(|folder| match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        });
        if made.is_err() {
            let _ = self.try_remove();
        }
        made
    }

    /// Bounds it. There is no swap beside the memory: it would make everyone slow.
    pub(super) fn limit(&self, limits: RuntimeLimits, processes: u64) -> io::Result<()> {
        let bytes = limits.memory_mb.saturating_mul(MIB);
        write(&self.pids, "pids.max", processes)?;
        match self.version {
            Version::V1 => {
                write(&self.memory, "memory.limit_in_bytes", bytes)?;
                write_if_there(&self.memory, "memory.memsw.limit_in_bytes", bytes)?;
                write_if_there(&self.memory, "memory.kmem.tcp.limit_in_bytes", bytes / SOCKET_PART)?;
            }
            Version::V2 => {
                write(&self.memory, "memory.max", bytes)?;
                write_if_there(&self.memory, "memory.swap.max", 0)?;
            }
        }
        self.set_pace(Pace::Full(limits.cpu_count))
    }

    /// Bounds the processes and threads of all groups in it together.
    pub(super) fn limit_processes(&self, processes: u64) -> io::Result<()> {
        write(&self.pids, "pids.max", processes)
    }

    /// How much of the processors it gets at most.
    pub(super) fn set_pace(&self, pace: Pace) -> io::Result<()> {
        let Some(cpu) = &self.cpu else { return Ok(()) };
        let (quota, period) = match pace {
            Pace::Full(cpu_count) => (u64::from(cpu_count) * CPU_PERIOD, CPU_PERIOD),
            Pace::Slowed => (SLOWED_QUOTA, SLOWED_PERIOD),
        };
        match self.version {
            Version::V1 => {
                // A group may never have a larger share than the one around it, also not between these lines.
                write(cpu, "cpu.cfs_quota_us", LEAST_QUOTA)?;
                write(cpu, "cpu.cfs_period_us", period)?;
                write(cpu, "cpu.cfs_quota_us", quota)
            }
            Version::V2 => write(cpu, "cpu.max", format!("{quota} {period}")),
        }
    }

    /// Whether its processes run only when none of a group beside it wants to, or take turns with these.
    pub(super) fn come_last(&self, last: bool) -> io::Result<()> {
        self.cpu.as_deref().map_or(Ok(()), |cpu| write_if_there(cpu, "cpu.idle", u8::from(last)))
    }

    /// Moves a process in; what it starts from then on is in there, too.
    pub(super) fn add(&self, pid: i32) -> io::Result<()> {
        self.folders().into_iter().try_for_each(|folder| write(folder, "cgroup.procs", pid))
    }

    /// Kills what is in it and in the groups in it, waits for its end, and removes all. None that is not there is fine.
    pub(super) fn end(&self) -> io::Result<()> {
        self.clear()?;
        let begun = Instant::now();
        loop {
            self.kill()?;
            match self.try_remove() {
                Err(error) if begun.elapsed() > EMPTY_WAIT => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Ends the groups in it.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.child_names().iter().try_for_each(|name| self.child(name).end())
    }

    /// Removes it, which fails while something is in it.
    pub(super) fn try_remove(&self) -> io::Result<()> {
        self.folders().into_iter().try_for_each(|folder| match fs::remove_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }

    fn kill(&self) -> io::Result<()> {
        if self.version == Version::V2 {
            return write_if_there(&self.pids, "cgroup.kill", 1);
        }
        // Nothing is forked while we look.
        write_if_there(&self.pids, "pids.max", 0)?;
        for pid in self.members() {
            // It may have ended in between.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        Ok(())
    }

    /// The processes in it.
    pub(super) fn members(&self) -> Vec<i32> {
        self.list("cgroup.procs")
    }

    /// The threads in it.
    pub(super) fn threads(&self) -> Vec<i32> {
        self.list(match self.version {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.threads",
        })
    }

    fn list(&self, file: &str) -> Vec<i32> {
        let list = fs::read_to_string(self.pids.join(file)).unwrap_or_default();
        // 0 is one that we can't see, and no one to signal.
        list.lines().filter_map(|pid| pid.parse().ok()).filter(|pid| *pid > 0).collect()
    }

    fn child_names(&self) -> BTreeSet<String> {
        let entries = self.folders().into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// Each folder once.
    fn folders(&self) -> Vec<&Path> {
        let mut folders = vec![self.memory.as_path(), &self.pids];
        folders.extend(self.cpu.as_deref());
        folders.extend(self.cpuacct.as_deref());
        folders.sort();
        folders.dedup();
        folders
    }
}

fn write(folder: &Path, file: &str, value: impl ToString) -> io::Result<()> {
    let path = folder.join(file);
    fs::write(&path, value.to_string())
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn write_if_there(folder: &Path, file: &str, value: impl ToString) -> io::Result<()> {
    if folder.join(file).exists() { write(folder, file, value) } else { Ok(()) }
}
