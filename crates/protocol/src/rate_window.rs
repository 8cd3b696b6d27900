use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A rate is an average over at least this long.
const MIN_WINDOW: Duration = Duration::from_secs(1);
/// Readings that follow each other faster are not kept.
const MIN_DISTANCE: Duration = Duration::from_millis(250);

/// Earlier readings of counters. A rate is an average over at least a second, however often and by however many readers
/// it is asked for; over longer, if nobody has asked for longer.
#[derive(Debug)]
pub struct RateWindow<T> {
    /// Oldest first; all but the first are younger than the window.
    readings: VecDeque<(Instant, T)>,
}

impl<T> Default for RateWindow<T> {
    fn default() -> Self {
        Self { readings: VecDeque::new() }
    }
}

impl<T: Copy> RateWindow<T> {
    /// Takes in a reading. Gives back the one to compare it with, and for how many seconds; `None` if it is the first.
    ///
    /// In the first second of its life, what is measured counts as idle before.
    pub fn advance(&mut self, now: Instant, reading: T) -> Option<(T, f64)> {
        while self.readings.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= MIN_WINDOW) {
            self.readings.pop_front();
        }
        let base = self.readings.front().copied();
        if self.readings.back().is_none_or(|(at, _)| now.duration_since(*at) >= MIN_DISTANCE) {
            self.readings.push_back((now, reading));
        }
        base.map(|(at, base)| (base, now.duration_since(at).max(MIN_WINDOW).as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rates of a counter that counts milliseconds, read at these.
    fn rates(times: impl IntoIterator<Item = u64>) -> Vec<f64> {
        let (mut window, start) = (RateWindow::default(), Instant::now());
        let mut read = |millis| {
            let base = window.advance(start + Duration::from_millis(millis), millis);
            assert!(window.readings.len() <= 6, "{}", window.readings.len());
            base.map(|(base, seconds)| (millis - base) as f64 / 1000.0 / seconds)
        };
        times.into_iter().filter_map(&mut read).collect()
    }

    #[test]
    fn rate_of_a_constant_load_is_constant_however_it_is_read() {
        let often = (0..1000).map(|read| 10_000 + read * 7);
        let rarely = (0..100).map(|read| 100_000 + read * 5_000);
        let at_once = [700_000, 700_000, 700_001, 700_001];
        let times = [0].into_iter().chain(often).chain(rarely).chain(at_once);
        let rates = rates(times);
        assert!(rates.iter().all(|rate| (rate - 1.0).abs() < 1e-9), "{rates:?}");
    }

    #[test]
    fn rate_follows_the_load_within_the_window() {
        let (mut window, start) = (RateWindow::default(), Instant::now());
        let mut rate = |millis: u64, count: u64| {
            let base = window.advance(start + Duration::from_millis(millis), count);
            base.map(|(base, seconds)| (count - base) as f64 / seconds)
        };
        assert_eq!(rate(0, 0), None);
        assert_eq!(rate(100, 50), Some(50.0), "idle before its start");
        let last = (2..=40).map(|read| rate(100 * read, 50)).last().flatten();
        assert_eq!(last, Some(0.0));
    }
}
