use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nix::unistd::{SysconfVar, sysconf};

/// The processor time that the sandbox used since it was last asked for.
#[derive(Clone)]
pub(crate) struct CpuMeter(Arc<Mutex<Sample>>);

struct Sample {
    at: Instant,
    ticks: u64,
}

impl CpuMeter {
    /// The first time is counted from here on.
    pub(crate) fn start() -> Self {
        Self(Arc::new(Mutex::new(Sample { at: Instant::now(), ticks: ticks_of_all() })))
    }

    /// Percent of what these many processors can do, since the last call or, at first, the start.
    pub(super) fn used_percent(&self, cpus: u32) -> f64 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Sample { at: Instant::now(), ticks: ticks_of_all() };
        let possible = now.at.duration_since(last.at).as_secs_f64() * ticks_per_second() * f64::from(cpus);
        // Time of processes that nobody asked for their status is gone with them.
        let used = u32::try_from(now.ticks.saturating_sub(last.ticks)).unwrap_or(u32::MAX);
        *last = now;
        if possible > 0.0 { (f64::from(used) / possible * 10_000.0).round() / 100.0 } else { 0.0 }
    }
}

fn ticks_per_second() -> f64 {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u32::try_from(ticks).ok());
    f64::from(ticks.unwrap_or(100))
}

/// Of all processes that are seen, and of those children of theirs that have ended.
fn ticks_of_all() -> u64 {
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| ticks_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)).sum()
}

/// User and system time of a process and of its children, the 14th to the 17th field.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let times: Vec<u64> = after_name.split(' ').skip(11).take(4).filter_map(|time| time.parse().ok()).collect();
    (times.len() == 4).then(|| times.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_whatever_the_name_is() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 128 0 0 0 10 20 300 4000 20 0 1 0 99 2 3";
        assert_eq!(ticks_of(stat), Some(4330));
        assert_eq!(ticks_of("7 (cut) S 1"), None);
    }
}
