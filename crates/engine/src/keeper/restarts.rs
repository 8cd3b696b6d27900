use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// A keeper that ended longer ago than this is no reason to wait.
const FORGOTTEN: Duration = Duration::from_secs(300);
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// Below the limit of a stop: it is carried out by the next keeper.
const MAX_BACKOFF: Duration = Duration::from_secs(4);

/// The keepers that were started in place of one that had ended.
#[derive(Default)]
pub(super) struct Restarts(VecDeque<Instant>);

impl Restarts {
    /// Notes one more, and gives back how long to wait before it: a keeper that ends again and again ends more slowly.
    pub(super) fn next_backoff(&mut self, now: Instant) -> Duration {
        self.0.retain(|restart| now - *restart < FORGOTTEN);
        let earlier = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.push_back(now);
        match earlier {
            0 => Duration::ZERO,
            earlier => FIRST_BACKOFF.saturating_mul(1 << (earlier - 1).min(8)).min(MAX_BACKOFF),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_its_limit_and_is_forgotten() {
        let (mut restarts, begun) = (Restarts::default(), Instant::now());
        let waits: Vec<u64> = (0..6).map(|_| restarts.next_backoff(begun).as_secs()).collect();
        assert_eq!(waits, [0, 1, 2, 4, 4, 4]);
        assert_eq!(restarts.next_backoff(begun + FORGOTTEN), Duration::ZERO);
    }
}
