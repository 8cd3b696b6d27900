//! Whether a sandbox is busy: it gets much of a processor, or wants one all the time and gets less, as others do, too.

use std::fs;
use std::time::Duration;

/// Of the time between two looks, the part of a processor from which on a sandbox is busy: half.
const BUSY_PART: u32 = 2;
/// One that gets less than this part wants little: its threads are not looked at.
const ACTIVE_PART: u32 = 50;

/// A sandbox's load, between looks.
#[derive(Default)]
pub(super) struct Load {
    /// The CPU time used up to the last look.
    used: Duration,
    /// The threads that wanted a processor then.
    runnable: Vec<Runnable>,
}

/// A thread that runs or waits for a processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Runnable {
    id: i32,
    /// How often it has slept.
    sleeps: u64,
}

impl Load {
    /// Whether it has been busy since the last look, `elapsed` ago. It looks at as few threads as it can: at those that
    /// wanted a processor before; at `threads`, all of them, only for one that used some.
    pub(super) fn is_busy(
        &mut self,
        used: Duration,
        elapsed: Duration,
        runnable: impl Fn(i32) -> Option<Runnable>,
        threads: impl FnOnce() -> Vec<i32>,
    ) -> bool {
        let lately = used.saturating_sub(std::mem::replace(&mut self.used, used));
        // One that gets no turn does not sleep either.
        self.runnable.retain(|thread| runnable(thread.id).as_ref() == Some(thread));
        let never_slept = !self.runnable.is_empty();
        if !never_slept && lately > elapsed / ACTIVE_PART {
            self.runnable = threads().into_iter().filter_map(&runnable).collect();
        }
        never_slept || lately > elapsed / BUSY_PART
    }
}

/// What `/proc` says of a thread, if it wants a processor.
pub(super) fn runnable(id: i32) -> Option<Runnable> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    value("State:").filter(|state| state.starts_with('R'))?;
    Some(Runnable { id, sleeps: value("voluntary_ctxt_switches:")?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(250);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn thread(id: i32, sleeps: u64) -> Option<Runnable> {
        Some(Runnable { id, sleeps })
    }

    #[test]
    fn half_of_a_processor_is_busy() {
        let mut load = Load::default();
        assert!(load.is_busy(ms(126), LOOK, |_| None, Vec::new));
        assert!(!load.is_busy(ms(250), LOOK, |_| None, Vec::new));
        assert!(!load.is_busy(ms(400), 2 * LOOK, |_| None, Vec::new), "a late look");
    }

    #[test]
    fn a_thread_that_never_sleeps_is_busy_however_little_it_gets() {
        let mut load = Load::default();
        assert!(!load.is_busy(ms(10), LOOK, |id| thread(id, 3), || vec![7]));
        assert!(load.is_busy(ms(20), LOOK, |id| thread(id, 3), || panic!("one is enough")));
        assert!(load.is_busy(ms(20), LOOK, |id| thread(id, 3), || panic!("one is enough")), "not a turn");
        assert!(!load.is_busy(ms(22), LOOK, |_| None, Vec::new), "it has ended");
    }

    #[test]
    fn a_thread_that_sleeps_now_and_then_is_not_busy() {
        let mut load = Load::default();
        for look in 1..5 {
            assert!(!load.is_busy(ms(look * 20), LOOK, |id| thread(id, look), || vec![7]));
        }
    }

    #[test]
    fn the_threads_of_a_sandbox_that_wants_little_are_not_looked_at() {
        let mut load = Load::default();
        for look in 1..5 {
            assert!(!load.is_busy(ms(look * 5), LOOK, |_| panic!("a thread"), || panic!("threads")));
        }
    }
}
