//! Waiting out failures that may pass, for those who look at a sandbox again and again.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::pauses::Pauses;
use crate::{CallOptions, ClientError};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Asks until there is an answer, or a failure that stays, or `limit` has passed; each try is told what is left of it.
pub(crate) async fn outlast<T, F>(limit: Duration, mut ask: impl FnMut(Duration) -> F + Send) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>> + Send,
{
    let deadline = Instant::now() + limit;
    let mut pauses = Pauses::growing(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let error = match ask(deadline.saturating_duration_since(Instant::now())).await {
            Err(error) if error.retryable() => error,
            outcome => return outcome,
        };
        let pause = pauses.next().max(error.retry_after().unwrap_or_default());
        if pause >= deadline.saturating_duration_since(Instant::now()) {
            return Err(error);
        }
        sleep(pause).await;
    }
}

/// What one of its tries may take: what fails is asked again here, not below.
pub(crate) fn once(call: &CallOptions, left: Duration) -> CallOptions {
    CallOptions { request_timeout: Some(left), max_retries: Some(0), ..call.clone() }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::error::{ApiError, Awaited, Call};

    fn lost() -> ClientError {
        let (limit, awaited) = (Duration::ZERO, Awaited::Answer);
        ClientError::RequestTimeout { limit, awaited, causes: Vec::new(), call: Box::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_outlasted() {
        let mut tries = 0;
        let outcome = outlast(Duration::from_secs(60), |_| {
            tries += 1;
            ready(if tries < 5 { Err(lost()) } else { Ok(tries) })
        });
        assert_eq!(outcome.await.unwrap(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_lasts_is_told_within_the_limit() {
        let begun = Instant::now();
        let outcome: Result<(), _> = outlast(Duration::from_secs(60), |_| ready(Err(lost()))).await;
        assert!(outcome.is_err());
        assert!((50..=60).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_without_end_that_the_service_asks_for_is_told_at_once() {
        let busy = || {
            ClientError::Api(Box::new(ApiError {
                status: 503,
                code: None,
                message: None,
                details: None,
                body: None,
                retry_after: Some(Duration::from_secs(u64::MAX)),
                location: None,
                call: Call::default(),
            }))
        };
        let begun = Instant::now();
        let outcome: Result<(), _> = outlast(Duration::from_secs(60), |_| ready(Err(busy()))).await;
        assert!(outcome.is_err());
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_stays_is_told_at_once() {
        let begun = Instant::now();
        let invalid = || ClientError::configuration("baseUrl", "wrong");
        let outcome: Result<(), _> = outlast(Duration::from_secs(60), |_| ready(Err(invalid()))).await;
        assert!(outcome.is_err());
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
