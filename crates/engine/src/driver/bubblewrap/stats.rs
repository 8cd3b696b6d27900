use std::fs;
use std::sync::PoisonError;

use jiff::Timestamp;
use nix::unistd::{SysconfVar, sysconf};
use sandbar_protocol::MetricSnapshot;

use super::supervisor::Handle;

/// Processor time used up to a moment, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    at: Timestamp,
    user: f64,
    system: f64,
}

/// What the processes of one sandbox use, read from `/proc`. Rates are since the last reading.
pub(super) fn read(sandbox_id: &str, handle: &Handle, now: Timestamp) -> MetricSnapshot {
    let Some(usage) = handle.init_pid.get().map(|pid| usage_of(*pid)) else {
        return MetricSnapshot::unavailable(sandbox_id, now, "sandbox is starting");
    };
    let sample = Sample { at: now, user: usage.user, system: usage.system };
    let last = handle.last_sample.lock().unwrap_or_else(PoisonError::into_inner).replace(sample);
    let rate = |of: fn(&Sample) -> f64| {
        let last = last.as_ref()?;
        let seconds = now.duration_since(last.at).as_secs_f64();
        // Children that ended between two readings take their time with them.
        (seconds > 0.0).then(|| ((of(&sample) - of(last)) / seconds).max(0.0))
    };
    MetricSnapshot {
        sandbox_id: sandbox_id.to_owned(),
        collected_at: Some(now),
        cpu_user_rate: rate(|sample| sample.user),
        cpu_system_rate: rate(|sample| sample.system),
        task_current: Some(usage.tasks),
        ..MetricSnapshot::default()
    }
}

#[derive(Default)]
struct Usage {
    user: f64,
    system: f64,
    tasks: f64,
}

/// Sums over a process and its descendants.
fn usage_of(init: i32) -> Usage {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64;
    let mut usage = Usage::default();
    let mut waiting = vec![init];
    while let Some(pid) = waiting.pop() {
        // A process that has just ended has no numbers.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name, in brackets, may hold blanks and brackets itself.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let number = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        usage.user += (number(11) + number(13)) / ticks;
        usage.system += (number(12) + number(14)) / ticks;
        usage.tasks += number(17);
        waiting.extend(children(pid));
    }
    usage
}

fn children(pid: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}
