use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{Group, Version};

/// CPU time used so far, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::driver::bubblewrap) struct CpuTime {
    pub(in crate::driver::bubblewrap) user: f64,
    pub(in crate::driver::bubblewrap) system: f64,
}

impl CpuTime {
    pub(in crate::driver::bubblewrap) fn total(self) -> Duration {
        Duration::try_from_secs_f64(self.user + self.system).unwrap_or_default()
    }
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug)]
pub(in crate::driver::bubblewrap) struct Memory {
    /// The most.
    pub(in crate::driver::bubblewrap) limit: f64,
    /// Without what the kernel would give back at once: cached files that nobody used lately.
    pub(in crate::driver::bubblewrap) used: f64,
}

impl Group {
    /// How many of its processes the kernel has killed for want of memory.
    pub(in crate::driver::bubblewrap) fn out_of_memory_kills(&self) -> u64 {
        let file = match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        field(&self.memory, file, "oom_kill").unwrap_or_default() as u64
    }

    /// How often a process was not started because there were as many as there may be.
    pub(in crate::driver::bubblewrap) fn refused_processes(&self) -> u64 {
        field(&self.pids, "pids.events", "max").unwrap_or_default() as u64
    }

    pub(in crate::driver::bubblewrap) fn memory(&self) -> Option<Memory> {
        let (limit, usage, inactive) = match self.version {
            Version::V1 => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
            Version::V2 => ("memory.max", "memory.current", "inactive_file"),
        };
        let used = number(&self.memory, usage)? - field(&self.memory, "memory.stat", inactive)?;
        Some(Memory { limit: number(&self.memory, limit)?, used: used.max(0.0) })
    }

    pub(in crate::driver::bubblewrap) fn tasks(&self) -> Option<f64> {
        number(&self.pids, "pids.current")
    }

    pub(in crate::driver::bubblewrap) fn cpu_time(&self) -> Option<CpuTime> {
        match self.version {
            Version::V1 => {
                let folder = self.cpuacct.as_ref()?;
                let seconds = |file| Some(number(folder, file)? / 1e9);
                Some(CpuTime { user: seconds("cpuacct.usage_user")?, system: seconds("cpuacct.usage_sys")? })
            }
            Version::V2 => {
                let seconds = |name| Some(field(&self.pids, "cpu.stat", name)? / 1e6);
                Some(CpuTime { user: seconds("user_usec")?, system: seconds("system_usec")? })
            }
        }
    }
}

fn number(folder: &Path, file: &str) -> Option<f64> {
    fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()
}

/// The number after a name, in a file of lines `name number`.
fn field(folder: &Path, file: &str, name: &str) -> Option<f64> {
    let text = fs::read_to_string(folder.join(file)).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}
