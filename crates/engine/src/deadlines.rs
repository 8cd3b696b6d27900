use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::time::{DelayQueue, delay_queue};

use crate::clock::{Clock, after, between};

/// How often the wall clock, which deadlines are in, is compared with the monotonic one, which timers run on.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// A larger difference means that the wall clock was set, or that the machine slept.
const MAX_CLOCK_DRIFT: Duration = Duration::from_millis(500);
/// The longest that a timer is set for.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// One timer for all sandboxes: tells when a deadline has passed. It scans them only when the wall clock was set.
#[derive(Clone)]
pub(crate) struct Deadlines {
    changes: mpsc::UnboundedSender<(String, Option<Timestamp>)>,
}

impl Deadlines {
    /// Starts the timer's task, which ends with the last handle. `passed` gets the IDs whose deadline came round, at
    /// times a little early: the receiver compares with its clock and sets the deadline again.
    pub(crate) fn start(clock: Arc<dyn Clock>, passed: mpsc::UnboundedSender<String>) -> Self {
        let (changes, mut inbox) = mpsc::unbounded_channel::<(String, Option<Timestamp>)>();
        tokio::spawn(async move {
            let mut timers = Timers::new(clock);
            let mut clock_checks = tokio::time::interval(CLOCK_CHECK_INTERVAL);
            clock_checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    change = inbox.recv() => {
                        let Some((id, deadline)) = change else { return };
                        timers.set(id, deadline);
                    }
                    Some(expired) = timers.queue.next(), if !timers.queue.is_empty() => {
                        let id = expired.into_inner();
                        timers.deadlines.remove(&id);
                        if passed.send(id).is_err() {
                            return;
                        }
                    }
                    _ = clock_checks.tick(), if !timers.queue.is_empty() => timers.follow_clock(),
                }
            }
        });
        Self { changes }
    }

    /// Sets, moves or (with `None`) clears a deadline.
    pub(crate) fn set(&self, id: &str, deadline: Option<Timestamp>) {
        // The task only ends with the engine.
        let _ = self.changes.send((id.to_owned(), deadline));
    }
}

struct Timers {
    clock: Arc<dyn Clock>,
    /// The two clocks at the same moment.
    reference: (Timestamp, Instant),
    queue: DelayQueue<String>,
    deadlines: HashMap<String, (Timestamp, delay_queue::Key)>,
}

impl Timers {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let reference = (clock.now(), Instant::now());
        Self { clock, reference, queue: DelayQueue::new(), deadlines: HashMap::new() }
    }

    fn set(&mut self, id: String, deadline: Option<Timestamp>) {
        if let Some((_, key)) = self.deadlines.remove(&id) {
            self.queue.remove(&key);
        }
        if let Some(deadline) = deadline {
            let key = self.queue.insert(id.clone(), self.wait(deadline));
            self.deadlines.insert(id, (deadline, key));
        }
    }

    fn wait(&self, deadline: Timestamp) -> Duration {
        between(self.clock.now(), deadline).min(MAX_WAIT)
    }

    /// Sets all timers again if the wall clock went another way than the monotonic one.
    fn follow_clock(&mut self) {
        let (wall, monotonic) = self.reference;
        let (now, expected) = (self.clock.now(), after(wall, monotonic.elapsed()));
        if between(expected, now).max(between(now, expected)) < MAX_CLOCK_DRIFT {
            return;
        }
        tracing::warn!("the clock was set, from {expected} to {now}: all deadlines are checked");
        self.reference = (now, Instant::now());
        for (deadline, key) in self.deadlines.values() {
            self.queue.reset(key, between(now, *deadline).min(MAX_WAIT));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// The runtime's clock, and how far it was set ahead.
    struct SetClock {
        begun: Instant,
        ahead_secs: AtomicI64,
    }

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            let millis = i64::try_from(self.begun.elapsed().as_millis()).unwrap();
            let ahead = self.ahead_secs.load(Ordering::Relaxed) * 1000;
            Timestamp::from_millisecond(1_800_000_000_000 + millis + ahead).unwrap()
        }
    }

    /// A deadline in `secs` seconds while the clock is set by `ahead_secs`: how long until it comes round.
    async fn fires_after(secs: u64, ahead_secs: i64) -> Duration {
        let clock = Arc::new(SetClock { begun: Instant::now(), ahead_secs: AtomicI64::new(0) });
        let (sender, mut passed) = mpsc::unbounded_channel();
        let deadlines = Deadlines::start(clock.clone(), sender);
        deadlines.set("sb-1", Some(after(clock.now(), Duration::from_secs(secs))));
        tokio::time::sleep(Duration::from_millis(2500)).await;
        clock.ahead_secs.store(ahead_secs, Ordering::Relaxed);
        let set = Instant::now();
        assert_eq!(passed.recv().await.as_deref(), Some("sb-1"));
        set.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_comes_round_within_two_seconds_when_the_clock_is_set_past_it() {
        let wait = fires_after(7200, 3 * 3600).await;
        assert!(wait <= Duration::from_secs(2), "{wait:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_keeps_to_the_wall_clock_when_it_is_set_back() {
        let wait = fires_after(60, -3600).await;
        assert!(wait >= Duration::from_secs(3600), "{wait:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_comes_round_in_time_when_the_clock_is_left_alone() {
        let wait = fires_after(7200, 0).await;
        assert!((7197..=7199).contains(&wait.as_secs()), "{wait:?}");
    }
}
