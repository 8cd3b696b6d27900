//! Waiting until a sandbox is usable.

use std::time::Duration;

use sandbar_protocol::{PublicState, Sandbox};
use tokio::time::{Instant, sleep, timeout};

use crate::error::NotReady;
use crate::pauses::{Pauses, jittered};
use crate::{Answer, ClientError, DEFAULT_MAX_RETRIES};

/// Quick at first, when most starts end.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Between two looks of one who waits.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_millis(1_500);
/// The lag that is to be expected is half a pause, and so a 20th of what was waited already.
const PART_OF_WAIT: u32 = 10;

/// How a sandbox stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Its runtime can be used.
    Usable,
    /// It may become usable, or its state is not known.
    Pending,
    /// It will not become usable by itself: paused or deleted.
    Gone,
    /// Its start failed.
    Failed,
}

impl Readiness {
    /// Reads it out of `state`, and out of `status` where `state` is absent or a word of a later version.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        Self::of_words(sandbox.state.as_ref(), sandbox.status.as_ref())
    }

    pub(crate) fn of_words(state: Option<&PublicState>, status: Option<&PublicState>) -> Self {
        let of_word = |word: Option<&PublicState>| match word? {
            PublicState::Running => Some(Self::Usable),
            PublicState::Starting => Some(Self::Pending),
            PublicState::Paused | PublicState::Deleted => Some(Self::Gone),
            PublicState::Failed | PublicState::Error => Some(Self::Failed),
            PublicState::Other(_) => None,
        };
        of_word(state).or_else(|| of_word(status)).unwrap_or(Self::Pending)
    }
}

/// The error of a sandbox that will not become usable.
pub(crate) fn ended(answer: Answer<Sandbox>) -> ClientError {
    not_ready(answer.value, None, Vec::new(), Some(answer.request_id))
}

/// The error of a sandbox that was not seen before the time was up; without an ID, of one that was to be made.
pub(crate) fn late(sandbox_id: &str, limit: Duration, causes: Vec<String>) -> ClientError {
    not_ready(Sandbox::with_id(sandbox_id), Some(limit), causes, None)
}

/// How a sandbox is looked at.
pub(crate) trait Looks {
    /// Waits until another look is worth it: for `pause`, or as is better known. All of it must end in `left`.
    fn due(&mut self, pause: Duration, left: Duration) -> impl Future<Output = ()> + Send;

    /// Looks at it, for as long as `left` at most.
    fn look(&mut self, left: Duration) -> impl Future<Output = Result<Answer<Sandbox>, ClientError>> + Send;
}

/// Looks at a sandbox again and again until it is usable.
///
/// `seen` is what is known of it so far; without a state in it, the first look is at once. All of it must end `limit`
/// after `begun`.
pub(crate) async fn wait(
    seen: Sandbox,
    begun: Instant,
    limit: Duration,
    looks: &mut impl Looks,
) -> Result<Answer<Sandbox>, ClientError> {
    let mut pause = if seen.public_state().is_some() { jittered(FIRST_PAUSE) } else { Duration::ZERO };
    let mut pauses_of_failures = Pauses::growing(FIRST_PAUSE, LONGEST_PAUSE);
    let mut last = seen;
    let mut request_id = None;
    let mut causes = Vec::new();
    let mut unreadable = 0;
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        // If it is over before a look is due, it is over.
        let _ = timeout(left, looks.due(pause, left)).await;
        let left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(not_ready(last, Some(limit), causes, request_id));
        }
        match looks.look(left).await {
            Ok(answer) => match Readiness::of(&answer.value) {
                Readiness::Usable => return Ok(answer),
                Readiness::Failed | Readiness::Gone => return Err(ended(answer)),
                Readiness::Pending => {
                    (last, request_id) = (answer.value, Some(answer.request_id));
                    causes.clear();
                    unreadable = 0;
                    pauses_of_failures.reset();
                    pause = jittered((begun.elapsed() / PART_OF_WAIT).clamp(FIRST_PAUSE, LONGEST_PAUSE));
                }
            },
            // One that the end of the wait has cut short says nothing about a sandbox that was seen before.
            Err(ClientError::RequestTimeout { .. }) if request_id.is_some() && begun.elapsed() >= limit => {}
            // An answer that is cut short may be whole the next time, but a wrong service is not waited out.
            Err(error) if error.retryable() || (invalid(&error) && unreadable < DEFAULT_MAX_RETRIES) => {
                unreadable += u32::from(invalid(&error));
                causes = causes_of(&error);
                let left = limit.saturating_sub(begun.elapsed());
                sleep(pauses_of_failures.next().max(error.retry_after().unwrap_or_default()).min(left)).await;
                pause = Duration::ZERO;
            }
            Err(error) => return Err(error),
        }
    }
}

fn invalid(error: &ClientError) -> bool {
    matches!(error, ClientError::InvalidAnswer { .. })
}

pub(crate) fn causes_of(error: &ClientError) -> Vec<String> {
    let mut causes = vec![error.to_string()];
    if let ClientError::Transport { causes: deeper, .. } = error {
        causes.extend_from_slice(deeper);
    }
    causes
}

fn not_ready(
    sandbox: Sandbox,
    limit: Option<Duration>,
    causes: Vec<String>,
    request_id: Option<String>,
) -> ClientError {
    ClientError::NotReady(Box::new(NotReady {
        state: sandbox.public_state().cloned(),
        sandbox_id: sandbox.sandbox_id,
        timeline: sandbox.timeline,
        diagnostic: sandbox.diagnostic,
        limit,
        causes,
        request_id,
        deleted: None,
        deletion_under_way: false,
        replayed: false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ApiError, Awaited, Call};

    const LIMIT: Duration = Duration::from_secs(120);

    fn in_state(state: &str) -> Answer<Sandbox> {
        let mut sandbox = Sandbox::with_id("sb-1");
        sandbox.state = Some(PublicState::from(state));
        Answer { value: sandbox, text: String::new(), status: 200, request_id: "r-1".to_owned(), replayed: false }
    }

    fn busy(retry_after: Duration) -> ClientError {
        ClientError::Api(Box::new(ApiError {
            status: 503,
            code: None,
            message: None,
            details: None,
            body: None,
            retry_after: Some(retry_after),
            location: None,
            call: Call::default(),
        }))
    }

    /// Looks that answer as a script says, by their number.
    struct Script<F> {
        begun: Instant,
        times: Vec<Duration>,
        answer: F,
    }

    impl<F: FnMut(usize) -> Result<Answer<Sandbox>, ClientError> + Send> Looks for Script<F> {
        async fn due(&mut self, pause: Duration, _: Duration) {
            sleep(pause).await;
        }

        async fn look(&mut self, _: Duration) -> Result<Answer<Sandbox>, ClientError> {
            self.times.push(self.begun.elapsed());
            (self.answer)(self.times.len())
        }
    }

    /// Waits while each look answers what `answer` says; gives back the times of the looks.
    async fn looks(
        seen: Sandbox,
        answer: impl FnMut(usize) -> Result<Answer<Sandbox>, ClientError> + Send,
    ) -> (Vec<Duration>, Result<Answer<Sandbox>, ClientError>) {
        let begun = Instant::now();
        let mut script = Script { begun, times: Vec::new(), answer };
        let outcome = wait(seen, begun, LIMIT, &mut script).await;
        (script.times, outcome)
    }

    #[tokio::test(start_paused = true)]
    async fn looks_are_quick_at_first_and_gentle_later() {
        let (times, outcome) = looks(in_state("starting").value, |_| Ok(in_state("starting"))).await;
        assert!((15..=26).contains(&times[0].as_millis()), "{:?}", times[0]);
        let first_second = times.iter().filter(|time| time.as_secs() < 1).count();
        assert!((20..=34).contains(&first_second), "{first_second}");
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| gap.as_millis() <= 1_876), "{gaps:?}");
        assert!(times.len() < 150, "{}", times.len());
        assert!(
            outcome.unwrap_err().to_string().starts_with("sandbox sb-1 was not ready within 120 s (state starting)")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_lag_is_small_beside_what_was_waited() {
        let (times, _) = looks(in_state("starting").value, |_| Ok(in_state("starting"))).await;
        let gaps = times.windows(2).map(|pair| (pair[0], pair[1] - pair[0])).filter(|(waited, _)| waited.as_secs() > 0);
        assert!(gaps.clone().all(|(waited, gap)| gap <= waited / 7), "{:?}", gaps.collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_limit_names_the_last_state_and_phase() {
        let (_, outcome) = looks(Sandbox::with_id("sb-1"), |_| {
            let mut answer = in_state("gliding");
            answer.value.timeline =
                serde_json::from_str(r#"[{"phase": "created"}, {"phase": "runtime_starting"}]"#).unwrap();
            Ok(answer)
        })
        .await;
        assert_eq!(
            outcome.unwrap_err().to_string(),
            "sandbox sb-1 was not ready within 120 s (state gliding, last phase runtime_starting): wait longer with \
             `readyTimeoutMs`, or read its logs"
        );
    }

    /// The first look is answered, the second never.
    struct Silence {
        looks: usize,
    }

    impl Looks for Silence {
        async fn due(&mut self, pause: Duration, _: Duration) {
            sleep(pause).await;
        }

        async fn look(&mut self, left: Duration) -> Result<Answer<Sandbox>, ClientError> {
            self.looks += 1;
            if self.looks == 1 {
                return Ok(in_state("starting"));
            }
            sleep(left).await;
            Err(ClientError::RequestTimeout {
                limit: left,
                awaited: Awaited::Answer,
                causes: Vec::new(),
                call: Box::default(),
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_the_time_limit_cuts_short_is_no_cause() {
        let mut silence = Silence { looks: 0 };
        let outcome = wait(Sandbox::with_id("sb-1"), Instant::now(), LIMIT, &mut silence).await;
        assert_eq!(
            outcome.unwrap_err().to_string(),
            "sandbox sb-1 was not ready within 120 s (state starting): wait longer with `readyTimeoutMs`, or read its logs"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_state_is_looked_at_immediately() {
        let (times, outcome) = looks(Sandbox::with_id("sb-1"), |_| Ok(in_state("running"))).await;
        assert_eq!(times, [Duration::ZERO]);
        assert!(outcome.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_service_may_ask_for_a_longer_pause() {
        let (times, outcome) = looks(Sandbox::with_id("sb-1"), |look| match look {
            1 => Err(busy(Duration::from_secs(7))),
            _ => Ok(in_state("running")),
        })
        .await;
        assert!(times[1] >= Duration::from_secs(7), "{times:?}");
        assert!(outcome.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_outlasts_the_limit() {
        let begun = Instant::now();
        let (times, outcome) = looks(Sandbox::with_id("sb-1"), |_| Err(busy(Duration::from_secs(3_600)))).await;
        assert_eq!(times.len(), 1);
        assert!(begun.elapsed() < LIMIT + Duration::from_millis(10), "{:?}", begun.elapsed());
        assert!(outcome.unwrap_err().to_string().contains("the last look at it failed: "));
    }
}
