//! Looks at something that takes its time, once for all who ask.

use std::time::Duration;

use sandbar_protocol::Diagnostic;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

type Outcome = Result<(), Diagnostic>;

/// Remembers for a while what it saw.
pub(crate) struct Probe {
    /// How long an outcome is good for.
    fresh: Duration,
    /// How long to wait for one.
    limit: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Option<(Instant, Outcome)>,
    /// One that took longer than the limit: there is never a second beside it.
    running: Option<JoinHandle<Outcome>>,
}

impl Probe {
    pub(crate) fn new(fresh: Duration, limit: Duration) -> Self {
        Self { fresh, limit, state: Mutex::default() }
    }

    /// The outcome of `look`, or one that is fresh; `late` if it takes too long.
    pub(crate) async fn outcome(
        &self,
        look: impl Future<Output = Outcome> + Send + 'static,
        late: impl FnOnce(Duration) -> Diagnostic,
    ) -> Outcome {
        let mut state = self.state.lock().await;
        if let Some((at, outcome)) = &state.seen
            && at.elapsed() < self.fresh
        {
            return outcome.clone();
        }
        let mut running = state.running.take().unwrap_or_else(|| tokio::spawn(look));
        let outcome = match tokio::time::timeout(self.limit, &mut running).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(late(Duration::ZERO)),
            Err(_) => {
                state.running = Some(running);
                Err(late(self.limit))
            }
        };
        state.seen = Some((Instant::now(), outcome.clone()));
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn late(_: Duration) -> Diagnostic {
        Diagnostic::new("late", "it takes its time")
    }

    #[tokio::test(start_paused = true)]
    async fn an_outcome_is_good_for_a_while_and_then_looked_for_anew() {
        let probe = Probe::new(Duration::from_secs(5), Duration::from_secs(1));
        let looks = Arc::new(AtomicU32::new(0));
        let look = || {
            let looks = looks.clone();
            async move {
                looks.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        };
        for (wait, seen) in [(0, 1), (4, 1), (2, 2)] {
            tokio::time::advance(Duration::from_secs(wait)).await;
            assert_eq!(probe.outcome(look(), late).await, Ok(()));
            assert_eq!(looks.load(Ordering::Relaxed), seen);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_is_told_and_never_joined_by_a_second() {
        let probe = Probe::new(Duration::from_secs(1), Duration::from_secs(2));
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let hangs = async move { receiver.await.map_err(|_| late(Duration::ZERO)) };
        assert_eq!(probe.outcome(hangs, late).await, Err(late(Duration::ZERO)));
        tokio::time::advance(Duration::from_secs(2)).await;
        sender.send(()).unwrap();
        let never = async { unreachable!("the first one has not ended") };
        assert_eq!(probe.outcome(never, late).await, Ok(()));
    }
}
