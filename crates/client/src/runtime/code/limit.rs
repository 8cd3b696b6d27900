use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

/// How long code may take to heed an interrupt; the driver kills it then.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// How long after that an answer of the driver may take.
pub(super) const MARGIN: Duration = Duration::from_secs(6);

/// The time limit of one call. It begins with the call: waiting for other code counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) ms: u64,
    until: Instant,
}

impl Limit {
    pub(super) fn starting_now(ms: u64) -> Self {
        Self { ms, until: Instant::now() + Duration::from_millis(ms) }
    }

    /// What is left of it, in milliseconds.
    pub(super) fn left_ms(self) -> u64 {
        let left = self.until.saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits no longer than the limit is; without one, to the end.
    pub(super) async fn keep<T>(limit: Option<Self>, work: impl Future<Output = T>) -> Result<T, Self> {
        match limit {
            Some(limit) => timeout_at(limit.until, work).await.map_err(|_| limit),
            None => Ok(work.await),
        }
    }

    /// Waits until the driver, which keeps the limit, should have answered; without a limit, for ever.
    pub(super) async fn overdue(limit: Option<Self>) -> Self {
        match limit {
            Some(limit) => {
                sleep_until(limit.until + GRACE + MARGIN).await;
                limit
            }
            None => std::future::pending().await,
        }
    }
}
