use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many looks the service is asked to hold at the same time: over HTTP/2 they are streams of one connection, which
/// commonly has 100, and other calls need some; over HTTP/1.1 they are sockets.
const MOST_HELD: usize = 64;
/// No gateway gives up on a request so soon.
const LONGEST: Duration = Duration::from_secs(20);
/// How much earlier than its time limit a held look is to be answered.
const MARGIN: Duration = Duration::from_secs(1);

const UNKNOWN: u8 = 0;
const HONOURED: u8 = 1;
const IGNORED: u8 = 2;

/// Looks that the service holds until there is something to see.
///
/// It is asked to by `Prefer: wait=N`; one that does not know that answers at once, and is not asked any more.
pub(crate) struct Holds {
    service: AtomicU8,
    free: Arc<Semaphore>,
}

/// One look that may be held.
pub(crate) type Permit = OwnedSemaphorePermit;

impl Holds {
    /// Waits until one more look may be held: without end at a service that is not known to do that.
    pub(crate) async fn permit(&self) -> Permit {
        if self.service.load(Ordering::Relaxed) == HONOURED
            && let Ok(permit) = Arc::clone(&self.free).acquire_owned().await
        {
            return permit;
        }
        std::future::pending().await
    }

    /// Whether one more look may be held now; also by a service of which nothing is known yet.
    pub(crate) fn try_permit(&self) -> Option<Permit> {
        let may = self.service.load(Ordering::Relaxed) != IGNORED;
        may.then(|| Arc::clone(&self.free).try_acquire_owned().ok()).flatten()
    }

    /// Remembers how the service took the wish.
    pub(crate) fn learn(&self, honoured: bool) {
        self.service.store(if honoured { HONOURED } else { IGNORED }, Ordering::Relaxed);
    }
}

impl Default for Holds {
    fn default() -> Self {
        Self { service: AtomicU8::new(UNKNOWN), free: Arc::new(Semaphore::new(MOST_HELD)) }
    }
}

/// How many seconds a request with this time limit may be held; `None` if that is not worth it.
pub(crate) fn seconds(timeout: Duration) -> Option<u64> {
    let seconds = timeout.saturating_sub(MARGIN).min(LONGEST).as_secs();
    (seconds > 0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_look_is_held_for_less_time_than_it_has() {
        for (timeout, held) in [(500, None), (1_999, None), (2_000, Some(1)), (9_500, Some(8)), (60_000, Some(20))] {
            assert_eq!(seconds(Duration::from_millis(timeout)), held, "{timeout}");
        }
    }

    #[test]
    fn a_service_is_asked_until_it_ignores_it() {
        let holds = Holds::default();
        assert!(holds.permit().now_or_never().is_none(), "nobody waits for a hold that may not be one");
        assert!(holds.try_permit().is_some());
        holds.learn(true);
        assert!(holds.permit().now_or_never().is_some());
        holds.learn(false);
        assert!(holds.permit().now_or_never().is_none());
        assert!(holds.try_permit().is_none());
    }

    #[test]
    fn no_more_looks_are_held_than_a_connection_can_bear() {
        let holds = Holds::default();
        holds.learn(true);
        let held: Vec<_> = (0..MOST_HELD).map(|_| holds.try_permit().unwrap()).collect();
        assert!(holds.try_permit().is_none());
        assert!(holds.permit().now_or_never().is_none());
        drop(held);
        assert!(holds.permit().now_or_never().is_some());
    }
}
