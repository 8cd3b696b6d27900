use std::fmt;

use sandbar_protocol::{SandboxLimits, SandboxSize};
use serde::{Deserialize, Serialize};

/// What a runtime may use of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeLimits {
    /// CPUs.
    pub cpu_count: u32,
    /// Memory in MiB.
    pub memory_mb: u64,
    /// Size of the home in MiB.
    pub disk_size_mb: u64,
}

impl From<RuntimeLimits> for SandboxSize {
    fn from(limits: RuntimeLimits) -> Self {
        let bytes = |mebibytes: u64| Some(mebibytes.saturating_mul(1024 * 1024));
        Self {
            cpu_count: Some(limits.cpu_count),
            memory_bytes: bytes(limits.memory_mb),
            disk_bytes: bytes(limits.disk_size_mb),
        }
    }
}

/// Which limits hold, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsLevel {
    /// By what: `cgroup v2`, `cgroup v1` or `rlimits`.
    pub name: String,
    /// Whether CPU time is bounded.
    pub cpu: bool,
    /// Whether the memory of all processes together is bounded.
    pub memory: bool,
    /// Whether the size of the home is bounded.
    pub disk: bool,
    /// The most processes and threads of a runtime, if they are bounded.
    pub processes: Option<u64>,
}

impl LimitsLevel {
    /// What of `asked` holds.
    pub fn of(&self, asked: RuntimeLimits) -> SandboxLimits {
        SandboxLimits {
            level: Some(self.name.clone()),
            cpu_count: self.cpu.then_some(asked.cpu_count),
            memory_mb: self.memory.then_some(asked.memory_mb),
            processes: self.processes,
            disk_size_mb: self.disk.then_some(asked.disk_size_mb),
        }
    }
}

impl fmt::Display for LimitsLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = [
            ("memory", self.memory),
            ("CPU time", self.cpu),
            ("processes", self.processes.is_some()),
            ("size of the home", self.disk),
        ];
        let names = |held: bool| {
            let names: Vec<&str> = limits.iter().filter(|limit| limit.1 == held).map(|limit| limit.0).collect();
            names.join(", ")
        };
        write!(f, "held by {}: {}", self.name, names(true))?;
        if limits.iter().any(|limit| !limit.1) {
            write!(f, "; not held: {}", names(false))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_says_what_it_holds_and_what_it_does_not() {
        let mut level =
            LimitsLevel { name: "rlimits".into(), cpu: false, memory: true, disk: true, processes: Some(512) };
        let words = "held by rlimits: memory, processes, size of the home; not held: CPU time";
        assert_eq!(level.to_string(), words);
        let asked = RuntimeLimits { cpu_count: 2, memory_mb: 512, disk_size_mb: 1024 };
        let held = level.of(asked);
        assert_eq!((held.cpu_count, held.memory_mb, held.processes), (None, Some(512), Some(512)));
        level.cpu = true;
        assert_eq!(level.to_string(), "held by rlimits: memory, CPU time, processes, size of the home");
    }
}
