use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::disk::size_of_file_system;
use super::memory::Memory;
use super::network::Network;
use crate::problem::Problem;
use crate::server::Agent;

const MIB: u64 = 1024 * 1024;

/// What the sandbox has and uses, as it can be seen from inside.
#[derive(Debug, Serialize)]
pub(super) struct Metrics {
    /// When, in Unix seconds.
    ts: u64,
    /// Processors that the sandbox may use.
    cpu_count: u32,
    /// Percent of them, over at least a second; since the last call, if that is longer ago.
    cpu_used_pct: f64,
    /// Memory that the sandbox may use, in bytes; where it has no limit, the machine's.
    mem_total: u64,
    /// Memory of its processes, without files.
    mem_used: u64,
    mem_total_mib: u64,
    mem_used_mib: u64,
    /// Files that its processes have mapped, and files in memory, as in `/tmp`.
    mem_cache: u64,
    /// What the files in the home take, some seconds ago if there are many.
    disk_used: u64,
    /// What they may take; where there is no limit, the size of the file system.
    disk_total: u64,
    /// What came in and went out over its interfaces since its start, the loopback apart.
    net_rx_bytes: u64,
    net_tx_bytes: u64,
}

/// GET /metrics
pub(super) async fn metrics(State(agent): State<Agent>) -> Result<Json<Metrics>, Problem> {
    // A home can have many files: others are answered meanwhile.
    let metrics = tokio::task::spawn_blocking(move || measure(&agent));
    metrics.await.map(Json).map_err(|error| Problem::internal(format!("the sandbox can't be measured: {error}")))
}

fn measure(agent: &Agent) -> Metrics {
    let home = agent.environment.home();
    let size = agent.size;
    let cpu_count = size.cpu_count.unwrap_or_else(processors);
    let memory = Memory::now();
    let network = Network::now();
    let mem_total = size.memory_bytes.unwrap_or_else(Memory::of_machine);
    Metrics {
        ts: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        cpu_count,
        cpu_used_pct: agent.cpu.used_percent(cpu_count),
        mem_total,
        mem_used: memory.used,
        mem_total_mib: mem_total / MIB,
        mem_used_mib: memory.used / MIB,
        mem_cache: memory.cache,
        disk_used: agent.home.used(home),
        disk_total: size.disk_bytes.unwrap_or_else(|| size_of_file_system(home)),
        net_rx_bytes: network.received,
        net_tx_bytes: network.sent,
    }
}

fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}
