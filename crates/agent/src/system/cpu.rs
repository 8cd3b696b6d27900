use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nix::unistd::{SysconfVar, sysconf};
use sandbar_protocol::RateWindow;

/// The processor time that the sandbox uses, in ticks.
#[derive(Clone)]
pub(crate) struct CpuMeter(Arc<Mutex<RateWindow<u64>>>);

impl CpuMeter {
    /// The first time is counted from here on.
    pub(crate) fn start() -> Self {
        let mut window = RateWindow::default();
        window.advance(Instant::now(), ticks_of_all());
        Self(Arc::new(Mutex::new(window)))
    }

    /// Percent of what these many processors can do, over at least a second.
    pub(super) fn used_percent(&self, cpus: u32) -> f64 {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ticks = ticks_of_all();
        let Some((base, seconds)) = window.advance(Instant::now(), ticks) else { return 0.0 };
        let possible = seconds * ticks_per_second() * f64::from(cpus);
        // Time of processes that nobody asked for their status is gone with them.
        let used = u32::try_from(ticks.saturating_sub(base)).unwrap_or(u32::MAX);
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
