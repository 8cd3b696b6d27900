use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::BaseUrl;

/// How many looks the service is asked to hold at the same time where they may be streams of one HTTP/2 connection: it
/// commonly has 100, and other calls need some.
const MOST_STREAMS: usize = 64;
/// The same where each has a connection of its own: past some hundred, these cost more than reading the list does.
const MOST_CONNECTIONS: usize = 256;
/// No gateway gives up on a request so soon.
const LONGEST: Duration = Duration::from_secs(20);
/// As long as nobody knows whether the service holds, that is worth knowing soon.
const PROBE: Duration = Duration::from_secs(1);
/// How much earlier than its time limit a held look is to be answered.
const MARGIN: Duration = Duration::from_secs(1);

/// Looks that the service holds until there is something to see.
///
/// It is asked to by `Prefer: wait=N`; one that does not know that answers at once, and is not asked any more.
pub(crate) struct Holds {
    /// Whether it does, once an answer has told.
    honoured: watch::Sender<Option<bool>>,
    free: Arc<Semaphore>,
}

/// One look that may be held.
pub(crate) struct Permit {
    _place: OwnedSemaphorePermit,
    longest: Duration,
}

impl Holds {
    /// Of a service at this URL.
    pub(crate) fn at(base_url: &BaseUrl) -> Self {
        // Without TLS, nothing but HTTP/1.1 is spoken.
        let most = if base_url.url().scheme() == "http" { MOST_CONNECTIONS } else { MOST_STREAMS };
        Self { honoured: watch::Sender::new(None), free: Arc::new(Semaphore::new(most)) }
    }

    /// Waits until one more look may be held: without end at a service that is not known to do that.
    pub(crate) async fn permit(&self) -> Permit {
        // Neither the sender nor the semaphore is ever closed.
        let _ = self.honoured.subscribe().wait_for(|honoured| *honoured == Some(true)).await;
        match Arc::clone(&self.free).acquire_owned().await {
            Ok(place) => Permit { _place: place, longest: LONGEST },
            Err(_) => std::future::pending().await,
        }
    }

    /// Whether one more look may be held now; also by a service of which nothing is known yet.
    pub(crate) fn try_permit(&self) -> Option<Permit> {
        let longest = match *self.honoured.borrow() {
            Some(false) => return None,
            Some(true) => LONGEST,
            None => PROBE,
        };
        Some(Permit { _place: Arc::clone(&self.free).try_acquire_owned().ok()?, longest })
    }

    /// Remembers how the service took the wish.
    pub(crate) fn learn(&self, honoured: bool) {
        self.honoured.send_if_modified(|known| known.replace(honoured) != Some(honoured));
    }
}

impl Permit {
    /// How many seconds a request with this time limit may be held; `None` if that is not worth it.
    pub(crate) fn seconds(&self, timeout: Duration) -> Option<u64> {
        let seconds = timeout.saturating_sub(MARGIN).min(self.longest).as_secs();
        (seconds > 0).then_some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::environment::Given;

    fn at(url: &str) -> Holds {
        Holds::at(&BaseUrl::parse(&Given { value: url.to_owned(), source: "`baseUrl`" }).unwrap())
    }

    #[test]
    fn a_look_is_held_for_less_time_than_it_has() {
        let holds = at("http://127.0.0.1:1");
        let probe = holds.try_permit().unwrap();
        assert_eq!(probe.seconds(Duration::from_secs(60)), Some(1), "one that is to tell does it soon");
        holds.learn(true);
        let permit = holds.try_permit().unwrap();
        for (timeout, held) in [(500, None), (1_999, None), (2_000, Some(1)), (9_500, Some(8)), (60_000, Some(20))] {
            assert_eq!(permit.seconds(Duration::from_millis(timeout)), held, "{timeout}");
        }
    }

    #[test]
    fn a_service_is_asked_until_it_ignores_it() {
        let holds = at("http://127.0.0.1:1");
        let mut waiting = Box::pin(holds.permit());
        assert!((&mut waiting).now_or_never().is_none(), "nobody waits for a hold that may not be one");
        assert!(holds.try_permit().is_some());
        holds.learn(true);
        assert!(waiting.now_or_never().is_some(), "who waits already hears of it");
        holds.learn(false);
        assert!(holds.permit().now_or_never().is_none());
        assert!(holds.try_permit().is_none());
    }

    #[test]
    fn no_more_looks_are_held_than_connections_can_bear() {
        for (url, most) in [("http://127.0.0.1:1", MOST_CONNECTIONS), ("https://127.0.0.1:1", MOST_STREAMS)] {
            let holds = at(url);
            holds.learn(true);
            let held: Vec<_> = (0..most).map(|_| holds.try_permit().unwrap()).collect();
            assert!(holds.try_permit().is_none());
            assert!(holds.permit().now_or_never().is_none());
            drop(held);
            assert!(holds.permit().now_or_never().is_some());
        }
    }
}
