use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{after, between};

const WINDOW_SECS: usize = 60;

/// How many starts there were in the last minute, by the second.
#[derive(Debug)]
pub(crate) struct RecentStarts {
    /// A ring: the count of each second.
    counts: [u64; WINDOW_SECS],
    /// Where the current second is in it.
    current: usize,
    /// When the current second began.
    since: Timestamp,
    total: u64,
}

impl Default for RecentStarts {
    fn default() -> Self {
        Self { counts: [0; WINDOW_SECS], current: 0, since: Timestamp::UNIX_EPOCH, total: 0 }
    }
}

impl RecentStarts {
    /// Forgets what is older than a minute. A clock that is set back forgets nothing.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        let passed = between(self.since, now).as_secs();
        for _ in 0..passed.min(WINDOW_SECS as u64) {
            self.current = (self.current + 1) % WINDOW_SECS;
            self.total -= std::mem::take(&mut self.counts[self.current]);
        }
        self.since = if now < self.since { now } else { after(self.since, Duration::from_secs(passed)) };
    }

    pub(crate) fn add(&mut self) {
        self.counts[self.current] += 1;
        self.total += 1;
    }

    /// Takes back the newest one.
    pub(crate) fn take_back(&mut self) {
        let newest = self.ages().find(|(_, count)| *count > 0).map(|(age, _)| age);
        if let Some(age) = newest {
            self.counts[self.slot(age)] -= 1;
            self.total -= 1;
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How long until the oldest is forgotten.
    pub(crate) fn until_next_forgotten(&self, now: Timestamp) -> Duration {
        let oldest = self.ages().filter(|(_, count)| *count > 0).last().map_or(0, |(age, _)| age);
        let left = Duration::from_secs((WINDOW_SECS - oldest) as u64);
        left.saturating_sub(between(self.since, now))
    }

    /// The counts by their age in seconds, newest first.
    fn ages(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        (0..WINDOW_SECS).map(|age| (age, self.counts[self.slot(age)]))
    }

    fn slot(&self, age: usize) -> usize {
        (self.current + WINDOW_SECS - age) % WINDOW_SECS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, Duration::from_secs(1_800_000_000) + Duration::from_millis(millis))
    }

    fn starts(times: &[u64]) -> RecentStarts {
        let mut starts = RecentStarts::default();
        for time in times {
            starts.advance(at(*time));
            starts.add();
        }
        starts
    }

    #[test]
    fn recent_starts_forgets_each_start_after_a_minute() {
        let mut starts = starts(&[0, 500, 30_000, 59_000]);
        for (time, expected) in [(59_900, 4), (61_000, 2), (90_500, 1), (119_500, 0), (10_000_000, 0)] {
            starts.advance(at(time));
            assert_eq!(starts.total(), expected, "after {time} ms");
        }
    }

    #[test]
    fn recent_starts_says_when_the_oldest_is_forgotten() {
        let mut starts = starts(&[0, 20_000]);
        starts.advance(at(40_250));
        let wait = starts.until_next_forgotten(at(40_250));
        assert!((Duration::from_secs(19)..=Duration::from_secs(20)).contains(&wait), "{wait:?}");
        starts.advance(at(40_250) + wait);
        assert_eq!(starts.total(), 1);
    }

    #[test]
    fn recent_starts_still_forgets_when_the_clock_was_set_back() {
        let mut starts = starts(&[10_000_000]);
        starts.advance(at(0));
        assert_eq!(starts.total(), 1);
        starts.advance(at(61_000));
        assert_eq!(starts.total(), 0);
    }

    #[test]
    fn recent_starts_takes_back_the_newest() {
        let mut starts = starts(&[0, 20_000]);
        starts.advance(at(30_000));
        starts.take_back();
        starts.advance(at(60_000));
        assert_eq!(starts.total(), 0);
        starts.take_back();
        assert_eq!(starts.total(), 0);
    }
}
