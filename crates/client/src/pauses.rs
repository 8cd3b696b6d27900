//! Pauses between one attempt, or one look, and the next.

use std::time::Duration;

const GROWTH: f64 = 1.5;
/// Pauses differ by up to a quarter, so that many who wait do not ask all at once.
const JITTER: f64 = 0.25;

/// Growing pauses: quick at first, and gentle to the service later.
#[derive(Debug)]
pub(crate) struct Pauses {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Pauses {
    /// Pauses that grow from `first` to `longest`.
    pub(crate) fn growing(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.mul_f64(GROWTH).min(self.longest);
        jittered(pause)
    }

    /// Begins anew, because something happened.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A pause that is like this one, but differs from others.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew() {
        let mut pauses = Pauses::growing(Duration::from_millis(100), Duration::from_secs(1));
        let mut take = |count: usize| (0..count).map(|_| pauses.next().as_millis()).collect::<Vec<_>>();
        let taken = take(20);
        assert!((75..=125).contains(&taken[0]), "{taken:?}");
        assert!((750..=1_250).contains(&taken[19]), "{taken:?}");
        pauses.reset();
        assert!((75..=125).contains(&pauses.next().as_millis()));
    }
}
