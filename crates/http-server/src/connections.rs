use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Places above the limit, for refusals and health checks.
const RESERVE: usize = 32;

/// How long to wait for a place before one more connection is closed.
const CLOSE_INTERVAL: Duration = Duration::from_millis(50);

/// All connections of a server.
pub(crate) struct Connections {
    places: Arc<Semaphore>,
    /// How many places are above the limit.
    reserve: usize,
    waiting: Mutex<Waiting>,
}

/// Connections that wait for a request, in the order in which they began to.
#[derive(Default)]
struct Waiting {
    next: u64,
    by_age: BTreeMap<u64, CancellationToken>,
}

impl Connections {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        let reserve = RESERVE.min(limit.div_ceil(4));
        let places = Arc::new(Semaphore::new((limit + reserve).min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { places, reserve, waiting: Mutex::default() })
    }

    /// Waits for a place. While all are taken, closes connections that wait for a request, first the one that has waited
    /// longest.
    pub(crate) async fn place(&self) -> OwnedSemaphorePermit {
        loop {
            if self.places.available_permits() == 0 {
                self.close_longest_waiting();
            }
            // The semaphore is never closed.
            if let Ok(Ok(place)) = timeout(CLOSE_INTERVAL, self.places.clone().acquire_owned()).await {
                return place;
            }
        }
    }

    /// A new connection in its place. Over the limit it takes the place of one that waits for a request; if none does,
    /// it is crowded.
    pub(crate) fn admit(self: &Arc<Self>, place: OwnedSemaphorePermit) -> (Arc<Connection>, OwnedSemaphorePermit) {
        let over_limit = self.places.available_permits() < self.reserve;
        let is_crowded = over_limit && !self.close_longest_waiting();
        let closed = CancellationToken::new();
        let waiting_since = Some(self.lock().insert(closed.clone()));
        let presence = Mutex::new(Presence { in_flight: 0, waiting_since });
        let connection = Connection {
            all: self.clone(),
            presence,
            closed,
            is_crowded,
            has_begun: AtomicBool::default(),
            survives_eof: AtomicBool::default(),
            is_at_eof: AtomicBool::default(),
            after_request: AtomicWaker::new(),
            body_reader: AtomicWaker::new(),
        };
        (Arc::new(connection), place)
    }

    /// Whether there was one.
    pub(crate) fn close_longest_waiting(&self) -> bool {
        let longest = self.lock().by_age.pop_first();
        longest.inspect(|(_, connection)| connection.cancel()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn insert(&mut self, connection: CancellationToken) -> u64 {
        self.next += 1;
        self.by_age.insert(self.next, connection);
        self.next
    }
}

/// What is known of one connection.
pub(crate) struct Connection {
    all: Arc<Connections>,
    presence: Mutex<Presence>,
    closed: CancellationToken,
    pub(crate) is_crowded: bool,
    has_begun: AtomicBool,
    survives_eof: AtomicBool,
    is_at_eof: AtomicBool,
    after_request: AtomicWaker,
    body_reader: AtomicWaker,
}

struct Presence {
    in_flight: usize,
    /// Its key among those that wait, while it waits.
    waiting_since: Option<u64>,
}

impl Connection {
    /// Resolves when its place is needed for another.
    pub(crate) async fn is_closed(&self) {
        self.closed.cancelled().await;
    }

    /// Whether there has been a request.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// Lets the request in flight go on when the client sends no more.
    pub(crate) fn survive_eof(&self) {
        self.survives_eof.store(true, Ordering::Relaxed);
    }

    /// Notes that the client sends no more; whether that is hidden from the request in flight. The task is woken after it.
    pub(crate) fn hides_eof(&self, cx: &Context<'_>) -> bool {
        self.is_at_eof.store(true, Ordering::Relaxed);
        self.after_request.register(cx.waker());
        self.body_reader.wake();
        self.survives_eof.load(Ordering::Relaxed)
    }

    /// Whether nothing more comes of a request's body that is not whole; else the task is woken if that changes.
    pub(crate) fn is_cut_off(&self, cx: &Context<'_>) -> bool {
        self.body_reader.register(cx.waker());
        self.is_at_eof.load(Ordering::Relaxed)
    }

    /// Counts a request; `None` if the connection is being closed, so that the request must not be carried out.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<InFlight> {
        let mut presence = self.lock();
        if let Some(since) = presence.waiting_since.take() {
            self.all.lock().by_age.remove(&since)?;
        }
        presence.in_flight += 1;
        self.has_begun.store(true, Ordering::Relaxed);
        Some(InFlight(Some(self.clone())))
    }

    /// Takes it off the list of those that wait: its server is done with it.
    pub(crate) fn end(&self) {
        let mut presence = self.lock();
        presence.in_flight += 1;
        if let Some(since) = presence.waiting_since.take() {
            self.all.lock().by_age.remove(&since);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Presence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, until its answer is sent.
pub(crate) struct InFlight(Option<Arc<Connection>>);

impl InFlight {
    /// The connection has changed its protocol: it waits for no request any more.
    pub(crate) fn upgraded(mut self) {
        self.0 = None;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Some(connection) = &self.0 else { return };
        connection.survives_eof.store(false, Ordering::Relaxed);
        connection.after_request.wake();
        let mut presence = connection.lock();
        presence.in_flight -= 1;
        if presence.in_flight == 0 {
            presence.waiting_since = Some(connection.all.lock().insert(connection.closed.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn admit(connections: &Arc<Connections>) -> (Arc<Connection>, OwnedSemaphorePermit) {
        let place = connections.place().await;
        connections.admit(place)
    }

    #[tokio::test]
    async fn connection_over_limit_replaces_longest_waiting() {
        let connections = Connections::new(2);
        let (first, _first) = admit(&connections).await;
        let (second, _second) = admit(&connections).await;
        let answering = first.begin();
        let (third, _third) = admit(&connections).await;
        assert!(answering.is_some() && !first.closed.is_cancelled(), "it has a request in flight");
        assert!(second.closed.is_cancelled() && !third.is_crowded);
    }

    #[tokio::test]
    async fn connection_is_crowded_when_all_others_are_busy() {
        let connections = Connections::new(1);
        let (first, _first) = admit(&connections).await;
        let answering = first.begin();
        let (second, _second) = admit(&connections).await;
        assert!(answering.is_some() && second.is_crowded);
    }

    #[tokio::test]
    async fn request_on_closed_connection_is_not_carried_out() {
        let connections = Connections::new(1);
        let (first, _first) = admit(&connections).await;
        assert!(connections.close_longest_waiting());
        assert!(first.begin().is_none());
    }

    #[tokio::test]
    async fn connection_waits_again_after_its_last_request() {
        let connections = Connections::new(1);
        let (connection, _place) = admit(&connections).await;
        let (one, other) = (connection.begin(), connection.begin());
        drop(one);
        assert!(!connections.close_longest_waiting(), "one request is in flight");
        drop(other);
        assert!(connections.close_longest_waiting());
    }
}
