//! Whether, when and how often a request is repeated.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::ClientError;

/// How often a request is repeated unless said otherwise.
pub const DEFAULT_MAX_RETRIES: u32 = 3;
/// The most repeats that can be asked for.
pub(crate) const MOST_RETRIES: u64 = 20;

/// The first pause lasts up to this; each further one up to twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What it may do to send a request again, although it may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Nothing: it only reads, or a second time changes nothing.
    Harmless,
    /// It could do it twice, unless the service keeps idempotency keys.
    Keyed,
    /// It could do it twice, and nobody keeps keys.
    Twice,
}

/// What a failed attempt has come to, as far as one can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The service did nothing: it was not reached, or asked to come again.
    Untouched,
    /// It may have taken effect.
    Unknown,
    /// Another attempt would fail as well.
    Settled,
}

impl Fate {
    pub(crate) fn of(error: &ClientError) -> Self {
        match error {
            ClientError::Transport { kind, .. } if !error.retryable() && !kind.may_have_arrived() => Self::Settled,
            ClientError::Transport { kind, .. } if !kind.may_have_arrived() => Self::Untouched,
            ClientError::Transport { .. } | ClientError::RequestTimeout { .. } => Self::Unknown,
            // It says that all went well, and not with what.
            ClientError::InvalidAnswer { .. } => Self::Unknown,
            ClientError::Api(error) => match error.status {
                429 if !error.retryable() => Self::Settled,
                425 | 429 | 503 => Self::Untouched,
                408 | 500 | 502 | 504.. if error.retryable() => Self::Unknown,
                _ => Self::Settled,
            },
            ClientError::Configuration { .. }
            | ClientError::Validation(_)
            | ClientError::NotReady(_)
            | ClientError::NotRunning(_)
            | ClientError::PortClosed(_)
            | ClientError::LocalFile { .. }
            | ClientError::CommandFailed(_)
            | ClientError::NotFollowed { .. } => Self::Settled,
        }
    }
}

/// How long to wait before the attempt after the `attempts`th: full jitter, so that a fleet does not come back all at
/// once. What the service asks for comes first.
pub(crate) fn pause(attempts: u32, retry_after: Option<Duration>) -> Duration {
    if let Some(asked) = retry_after {
        return asked + FIRST_PAUSE.mul_f64(fastrand::f64());
    }
    let doublings = attempts.saturating_sub(1).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE).mul_f64(fastrand::f64())
}

/// Bounds what one client adds to the load of a sick service: a repeat costs a token, an answered request earns a part
/// of one.
#[derive(Debug)]
pub(crate) struct Budget {
    /// In halves of a token.
    halves: AtomicU32,
}

impl Budget {
    const FULL: u32 = 200;
    const COST: u32 = 2;
    const EARNED: u32 = 1;

    pub(crate) fn earn(&self) {
        let more = |halves: u32| (halves < Self::FULL).then_some(halves + Self::EARNED);
        let _ = self.halves.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whether there was a token left.
    pub(crate) fn spend(&self) -> bool {
        let less = |halves: u32| halves.checked_sub(Self::COST);
        self.halves.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { halves: AtomicU32::new(Self::FULL) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_seconds_and_differ() {
        for (attempts, most) in [(1, 100), (2, 200), (3, 400), (7, 5_000), (60, 5_000)] {
            let pauses: Vec<_> = (0..200).map(|_| pause(attempts, None)).collect();
            assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(most)), "{pauses:?}");
            assert!(pauses.iter().any(|pause| *pause > Duration::from_millis(most / 2)), "{pauses:?}");
            assert!(pauses.iter().any(|pause| *pause < Duration::from_millis(most / 2)), "{pauses:?}");
        }
    }

    #[test]
    fn what_the_service_asks_for_comes_first() {
        let asked = Duration::from_secs(7);
        let pause = pause(1, Some(asked));
        assert!(pause >= asked && pause <= asked + FIRST_PAUSE, "{pause:?}");
    }

    #[test]
    fn a_budget_of_a_hundred_repeats_comes_back_by_answers() {
        let budget = Budget::default();
        assert_eq!((0..1_000).filter(|_| budget.spend()).count(), 100);
        budget.earn();
        assert!(!budget.spend(), "one answer is half a repeat");
        budget.earn();
        assert!(budget.spend());
        (0..1_000).for_each(|_| budget.earn());
        assert_eq!((0..1_000).filter(|_| budget.spend()).count(), 100, "it is full at a hundred");
    }
}
