use std::sync::PoisonError;
use std::time::Instant;

use jiff::Timestamp;
use sandbar_protocol::MetricSnapshot;

use super::cgroup::{CpuTime, Group};
use super::processes::{self, Traffic, Usage};
use super::supervisor::Handle;

/// What had been used up to a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    cpu: CpuTime,
    usage: Usage,
    traffic: Option<Traffic>,
}

/// What one sandbox uses, from its control group and from `/proc`. Rates are over at least a second. Of the host there
/// is nothing in it: what can't be told for the sandbox alone, as load or waiting for disks, is left out.
pub(super) fn read(sandbox_id: &str, handle: &Handle, now: Timestamp) -> MetricSnapshot {
    let Some(init_pid) = handle.init_pid.get() else {
        return MetricSnapshot::unavailable(sandbox_id, now, "sandbox is starting");
    };
    let group = handle.bounds.group();
    let usage = processes::usage(*init_pid);
    // The group also counts those that ended.
    let cpu = group.and_then(Group::cpu_time).unwrap_or(CpuTime { user: usage.user, system: usage.system });
    let sample = Sample { cpu, usage, traffic: processes::traffic(*init_pid) };
    let base = handle.samples.lock().unwrap_or_else(PoisonError::into_inner).advance(Instant::now(), sample);
    let rate = |of: &dyn Fn(&Sample) -> Option<f64>| {
        let (base, seconds) = base.as_ref()?;
        // A process that ended without being waited for takes its numbers with it.
        Some(((of(&sample)? - of(base)?) / seconds).max(0.0))
    };
    let received = |index: usize| rate(&|sample| Some(sample.traffic?.received[index]));
    let sent = |index: usize| rate(&|sample| Some(sample.traffic?.sent[index]));
    let memory = group.and_then(Group::memory);
    MetricSnapshot {
        sandbox_id: sandbox_id.to_owned(),
        collected_at: Some(now),
        cpu_user_rate: rate(&|sample| Some(sample.cpu.user)),
        cpu_system_rate: rate(&|sample| Some(sample.cpu.system)),
        memory_available_bytes: memory.map(|memory| (memory.limit - memory.used).max(0.0)),
        memory_usage_percent: memory.map(|memory| 100.0 * memory.used / memory.limit),
        // A group may not swap.
        swap_total_bytes: memory.map(|_| 0.0),
        swap_free_bytes: memory.map(|_| 0.0),
        disk_read_bytes_per_second: rate(&|sample| Some(sample.usage.disk_read)),
        disk_write_bytes_per_second: rate(&|sample| Some(sample.usage.disk_written)),
        network_recv_bytes_per_second: received(0),
        network_recv_packets_per_second: received(1),
        network_recv_errors_per_second: received(2),
        network_recv_drops_per_second: received(3),
        network_sent_bytes_per_second: sent(0),
        network_sent_packets_per_second: sent(1),
        network_sent_errors_per_second: sent(2),
        network_sent_drops_per_second: sent(3),
        task_current: Some(group.and_then(Group::tasks).unwrap_or(usage.tasks)),
        task_max: handle.bounds.processes().map(|processes| processes as f64),
        ..MetricSnapshot::default()
    }
}
