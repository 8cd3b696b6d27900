//! Keeping a sandbox alive: a refresh in time before each end of its TTL.

use std::time::Duration;

use jiff::Timestamp;
use sandbar_protocol::{Fields, MAX_REFRESH_SECS, PublicState, RefreshOptions, ValidationError};
use tokio::time::{Instant, sleep, sleep_until};

use crate::pauses::Pauses;
use crate::{Args, CallOptions, Client, ClientError};

/// How long a sandbox that is kept alive has at least, unless said otherwise.
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(300);

/// The next refresh comes when this share of the time is left: room for repeats.
const MARGIN: f64 = 1.0 / 3.0;
/// Refreshes come up to this share earlier, so that many sandboxes are not refreshed all at once.
const JITTER: f64 = 0.1;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// With less than this left, a repeat would come too late.
const TOO_LATE: Duration = Duration::from_millis(50);

/// The arguments of keep_alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepAliveCall {
    /// The sandbox.
    pub sandbox_id: String,
    /// How long it has at least, from each refresh on; whole seconds, 1…3600.
    pub duration: Duration,
}

impl Args {
    /// Arguments of keep_alive.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn keep_alive(&self) -> Result<(KeepAliveCall, CallOptions), ValidationError> {
        let sandbox_id = self.sandbox_id()?;
        let (options, call) = self.options()?;
        let fields = Fields::of("keepAlive options", &options, &["duration", "onError"])?;
        let duration = fields.integer("duration", 1, MAX_REFRESH_SECS.into(), "seconds")?;
        Ok((KeepAliveCall { sandbox_id, duration: duration.map_or(DEFAULT_KEEP_ALIVE, Duration::from_secs) }, call))
    }
}

impl Client {
    /// Refreshes a sandbox at once, and again whenever a third of `duration` is left, for as long as it is awaited.
    ///
    /// Times are counted from each request on, so that clocks may differ. Failures that may pass are waited out until
    /// the time is over. `refreshed` is told when the sandbox ends now, if the service said so.
    ///
    /// Returns once there is nothing to keep alive any more: the sandbox is deleted, paused or failed.
    ///
    /// # Errors
    /// As every call, if a refresh fails for good, or until the time is over.
    ///
    /// Route: `POST /sandboxes/:sandboxID/refreshes`, repeated.
    pub async fn keep_alive(
        &self,
        keep: &KeepAliveCall,
        call: CallOptions,
        refreshed: impl FnMut(Option<Timestamp>) + Send,
    ) -> Result<(), ClientError> {
        let seconds = keep.duration.as_secs().try_into().unwrap_or(MAX_REFRESH_SECS);
        let options = RefreshOptions { duration: Some(seconds) };
        let request_timeout = self.limits(&call).timeout;
        let refresh = |limit: Duration| {
            let limit = request_timeout.min(limit);
            // What fails is repeated here.
            let call = CallOptions { request_timeout: Some(limit), max_retries: Some(0), ..call.clone() };
            self.refresh_if_alive(&keep.sandbox_id, options, call)
        };
        keep_alive(keep.duration.min(Duration::from_secs(MAX_REFRESH_SECS.into())), refresh, refreshed).await
    }

    async fn refresh_if_alive(
        &self,
        sandbox_id: &str,
        options: RefreshOptions,
        call: CallOptions,
    ) -> Result<Refreshed, ClientError> {
        match self.refresh(sandbox_id, &options, call.clone()).await {
            Ok(end_at) => Ok(Refreshed::Until(end_at)),
            Err(error) if error.is_gone() => Ok(Refreshed::NotAlive),
            Err(ClientError::Api(error)) if error.status == 409 => {
                let detail = self.get(sandbox_id, call).await?;
                match detail.value.public_state() {
                    Some(PublicState::Starting | PublicState::Running) => {
                        Ok(Refreshed::InTransition(ClientError::Api(error)))
                    }
                    _ => Ok(Refreshed::NotAlive),
                }
            }
            Err(error) => Err(error),
        }
    }
}

/// What a refresh came to.
enum Refreshed {
    /// The sandbox lives on, until then if the service said so.
    Until(Option<Timestamp>),
    /// It was refused, but the sandbox lives: as in the middle of a resume.
    InTransition(ClientError),
    /// There is no running TTL.
    NotAlive,
}

async fn keep_alive<F>(
    duration: Duration,
    mut refresh: impl FnMut(Duration) -> F + Send,
    mut refreshed: impl FnMut(Option<Timestamp>) + Send,
) -> Result<(), ClientError>
where
    F: Future<Output = Result<Refreshed, ClientError>> + Send,
{
    let mut deadline = Instant::now() + duration;
    let mut pauses = Pauses::growing(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let begun = Instant::now();
        // Half of what is left: one request without an answer must not be the last.
        let failure = match refresh(deadline.saturating_duration_since(begun) / 2).await {
            Ok(Refreshed::NotAlive) => return Ok(()),
            Ok(Refreshed::Until(end_at)) => {
                deadline = begun + duration;
                pauses.reset();
                refreshed(end_at);
                sleep_until(begun + duration.mul_f64((1.0 - MARGIN) * (1.0 - JITTER * fastrand::f64()))).await;
                continue;
            }
            Ok(Refreshed::InTransition(error)) => error,
            Err(error) if error.retryable() => error,
            Err(error) => return Err(error),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left < TOO_LATE {
            return Err(failure);
        }
        let pause = pauses.next().max(failure.retry_after().unwrap_or_default());
        // However long the service asks to wait, there is another try while it can help.
        sleep(pause.min(left.mul_f64(0.75))).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::error::{ApiError, Call};

    const DURATION: Duration = Duration::from_secs(300);

    fn refused(status: u16, retry_after: Option<Duration>) -> ClientError {
        ClientError::Api(Box::new(ApiError {
            status,
            code: None,
            message: None,
            details: None,
            body: None,
            retry_after,
            location: None,
            call: Call::default(),
        }))
    }

    /// Keeps alive while each refresh comes to what `answer` says; gives back the times of the refreshes.
    async fn refreshes(
        mut answer: impl FnMut(usize) -> Result<Refreshed, ClientError> + Send,
    ) -> (Vec<Duration>, Result<(), ClientError>) {
        let begun = Instant::now();
        let mut times = Vec::new();
        let outcome = keep_alive(
            DURATION,
            |_| {
                times.push(begun.elapsed());
                ready(answer(times.len()))
            },
            |_| (),
        )
        .await;
        (times, outcome)
    }

    fn gaps(times: &[Duration]) -> Vec<Duration> {
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_comes_at_once_and_then_with_a_third_of_the_time_left() {
        let (times, outcome) = refreshes(|count| match count {
            50 => Ok(Refreshed::NotAlive),
            _ => Ok(Refreshed::Until(None)),
        })
        .await;
        assert!(outcome.is_ok());
        assert_eq!(times[0], Duration::ZERO);
        let gaps = gaps(&times);
        assert!(gaps.iter().all(|gap| (180..=200).contains(&gap.as_secs())), "{gaps:?}");
        assert!(gaps.iter().any(|gap| *gap != gaps[0]), "they are jittered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_may_pass_is_repeated_soon_and_the_time_counts_from_the_last_success() {
        let (times, outcome) = refreshes(|count| match count {
            2 | 3 => Err(refused(503, None)),
            5 => Ok(Refreshed::NotAlive),
            _ => Ok(Refreshed::Until(None)),
        })
        .await;
        assert!(outcome.is_ok());
        let gaps = gaps(&times);
        assert!(gaps[1] < Duration::from_secs(1) && gaps[2] < Duration::from_secs(1), "{gaps:?}");
        assert!(gaps[3] >= Duration::from_secs(180), "{gaps:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_do_not_pass_end_it_when_the_time_is_over() {
        let (times, outcome) = refreshes(|count| match count {
            1 => Ok(Refreshed::Until(None)),
            _ => Err(refused(503, None)),
        })
        .await;
        assert!(matches!(outcome, Err(ClientError::Api(error)) if error.status == 503));
        let last = times[times.len() - 1];
        assert!(last < DURATION && last > Duration::from_secs(299), "{last:?}");
        assert!(times.len() < 40, "{}", times.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_pause_that_the_service_asks_for_does_not_outlast_the_sandbox() {
        let (times, _) = refreshes(|_| Err(refused(503, Some(Duration::from_secs(3_600))))).await;
        assert!((2..=12).contains(&times.len()), "{times:?}");
        assert!(times.iter().all(|time| *time < DURATION), "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_stays_ends_it_at_once() {
        let (times, outcome) = refreshes(|_| Err(refused(401, None))).await;
        assert_eq!(times.len(), 1);
        assert!(matches!(outcome, Err(ClientError::Api(error)) if error.status == 401));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sandbox_in_the_middle_of_a_change_is_tried_again() {
        let (times, outcome) = refreshes(|count| match count {
            1 => Ok(Refreshed::InTransition(refused(409, None))),
            _ => Ok(Refreshed::NotAlive),
        })
        .await;
        assert_eq!(times.len(), 2);
        assert!(outcome.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_has_at_most_half_of_what_is_left() {
        let mut limits = Vec::new();
        let outcome = keep_alive(
            DURATION,
            |limit| {
                limits.push(limit);
                ready(if limits.len() < 3 { Ok(Refreshed::Until(None)) } else { Ok(Refreshed::NotAlive) })
            },
            |_| (),
        )
        .await;
        assert!(outcome.is_ok());
        assert_eq!(limits[0], DURATION / 2);
        assert!(limits[1] >= Duration::from_secs(50) && limits[1] <= Duration::from_secs(60), "{limits:?}");
    }
}
