//! Waiting until a sandbox is usable.

use std::time::Duration;

use sandbar_protocol::{PublicState, Sandbox};
use tokio::time::{Instant, sleep};

use crate::error::NotReady;
use crate::pauses::Pauses;
use crate::{Answer, ClientError, DEFAULT_MAX_RETRIES};

/// Quick at first, when most starts end.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(1_500);

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
        let of_word = |state: &Option<PublicState>| match state.as_ref()? {
            PublicState::Running => Some(Self::Usable),
            PublicState::Starting => Some(Self::Pending),
            PublicState::Paused | PublicState::Deleted => Some(Self::Gone),
            PublicState::Failed | PublicState::Error => Some(Self::Failed),
            PublicState::Other(_) => None,
        };
        of_word(&sandbox.state).or_else(|| of_word(&sandbox.status)).unwrap_or(Self::Pending)
    }
}

/// The error of a sandbox that will not become usable.
pub(crate) fn ended(answer: Answer<Sandbox>) -> ClientError {
    not_ready(answer.value, None, Vec::new(), Some(answer.request_id))
}

/// Looks at a sandbox again and again until it is usable.
///
/// `seen` is what is known of it so far; without a state in it, the first look is at once. All of it must end `limit`
/// after `begun`; `look` is told how much of that is left.
pub(crate) async fn wait<F, L>(
    seen: Sandbox,
    begun: Instant,
    limit: Duration,
    mut look: L,
) -> Result<Answer<Sandbox>, ClientError>
where
    F: Future<Output = Result<Answer<Sandbox>, ClientError>> + Send,
    L: FnMut(Duration) -> F + Send,
{
    let mut pauses = Pauses::growing(FIRST_PAUSE, LONGEST_PAUSE);
    let mut pause = if seen.public_state().is_some() { pauses.next() } else { Duration::ZERO };
    let mut last = seen;
    let mut request_id = None;
    let mut causes = Vec::new();
    let mut unreadable = 0;
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        sleep(pause.min(left)).await;
        let left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(not_ready(last, Some(limit), causes, request_id));
        }
        pause = pauses.next();
        match look(left).await {
            Ok(answer) => match Readiness::of(&answer.value) {
                Readiness::Usable => return Ok(answer),
                Readiness::Failed | Readiness::Gone => return Err(ended(answer)),
                Readiness::Pending => {
                    (last, request_id) = (answer.value, Some(answer.request_id));
                    causes.clear();
                    unreadable = 0;
                }
            },
            // An answer that is cut short may be whole the next time, but a wrong service is not waited out.
            Err(error) if error.retryable() || (invalid(&error) && unreadable < DEFAULT_MAX_RETRIES) => {
                unreadable += u32::from(invalid(&error));
                pause = pause.max(error.retry_after().unwrap_or_default());
                causes = causes_of(&error);
            }
            Err(error) => return Err(error),
        }
    }
}

fn invalid(error: &ClientError) -> bool {
    matches!(error, ClientError::InvalidAnswer { .. })
}

fn causes_of(error: &ClientError) -> Vec<String> {
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
    }))
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::error::{ApiError, Call};

    const LIMIT: Duration = Duration::from_secs(120);

    fn in_state(state: &str) -> Answer<Sandbox> {
        let mut sandbox = Sandbox::with_id("sb-1");
        sandbox.state = Some(PublicState::from(state));
        Answer { value: sandbox, text: String::new(), status: 200, request_id: "r-1".to_owned() }
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

    /// Waits while each look answers what `answer` says; gives back the times of the looks.
    async fn looks(
        seen: Sandbox,
        mut answer: impl FnMut(usize) -> Result<Answer<Sandbox>, ClientError> + Send,
    ) -> (Vec<Duration>, Result<Answer<Sandbox>, ClientError>) {
        let begun = Instant::now();
        let mut times = Vec::new();
        let outcome = wait(seen, begun, LIMIT, |_| {
            times.push(begun.elapsed());
            ready(answer(times.len()))
        })
        .await;
        (times, outcome)
    }

    #[tokio::test(start_paused = true)]
    async fn looks_are_quick_at_first_and_gentle_later() {
        let (times, outcome) = looks(in_state("starting").value, |_| Ok(in_state("starting"))).await;
        assert!((15..=26).contains(&times[0].as_millis()), "{:?}", times[0]);
        let first_second = times.iter().filter(|time| time.as_secs() < 1).count();
        assert!((6..=10).contains(&first_second), "{first_second}");
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| gap.as_millis() <= 1_876), "{gaps:?}");
        assert!(times.len() < 120, "{}", times.len());
        assert!(
            outcome.unwrap_err().to_string().starts_with("sandbox sb-1 was not ready within 120 s (state starting)")
        );
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
