//! The engine's own process, under the names that dashboards know.

use std::fs;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Default)]
pub(super) struct Process {
    resident_memory: Gauge<f64, AtomicU64>,
    open_files: Gauge,
    max_files: Gauge,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let process = Self::default();
        let memory = process.resident_memory.clone();
        registry.register_with_unit("process_resident_memory", "Resident memory", Unit::Bytes, memory);
        registry.register("process_open_fds", "Open file descriptors", process.open_files.clone());
        registry.register("process_max_fds", "The most open file descriptors", process.max_files.clone());
        process
    }

    /// Reads the numbers; one that can't be read stays as it was.
    pub(super) fn read(&self) {
        if let Some(bytes) = resident_memory() {
            self.resident_memory.set(bytes as f64);
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            self.open_files.set(entries.count().try_into().unwrap_or(i64::MAX));
        }
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        self.max_files.set(most.and_then(|most| most.try_into().ok()).unwrap_or(i64::MAX));
    }
}

fn resident_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"));
    Some(kib?.trim().parse::<u64>().ok()? * 1024)
}
