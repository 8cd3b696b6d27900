//! Whether a runtime that says nothing is still there, and whether a sandbox has ended under a call.

use std::time::Duration;

use hyper::Method;
use sandbar_protocol::PublicState;
use tokio::time::sleep;

use super::Runtime;
use crate::answer::RawAnswer;
use crate::error::NotRunning;
use crate::request::{Limits, Request, Takes, Target};
use crate::{CallOptions, ClientError, TransportKind};

/// How many probes in a row go without an answer before the runtime counts as gone.
const MOST_MISSED: u32 = 2;
/// Between two looks at a sandbox that is about to end.
const PAUSE: Duration = Duration::from_millis(100);

/// What came of a probe.
enum Pulse {
    /// The runtime answered that it is well.
    Healthy,
    /// Something answered, as a gateway without a runtime behind it does.
    Answered,
    /// Nothing answered.
    Nothing,
}

/// What the service says of the sandbox.
enum Standing {
    Runs,
    /// It does not run: the error that says so.
    Ended(ClientError),
    Unknown,
}

impl Runtime {
    /// Waits for what may take as long as it likes, unless the runtime turns out to be gone meanwhile.
    pub(super) async fn while_alive<T>(&self, wait: impl Future<Output = T>) -> Result<T, ClientError> {
        tokio::select! {
            biased;
            outcome = wait => Ok(outcome),
            error = self.death() => Err(error),
        }
    }

    /// Waits until the sandbox has ended, or nothing answers probes any more.
    async fn death(&self) -> ClientError {
        let silence = self.silence();
        let mut missed = 0;
        loop {
            if missed == 0 {
                sleep(silence.probe_interval).await;
            }
            match self.pulse(silence.probe_timeout).await {
                Pulse::Healthy => missed = 0,
                Pulse::Answered => {
                    missed = 0;
                    if let Some(end) = self.end_of_sandbox(&CallOptions::new()).await {
                        return end;
                    }
                }
                Pulse::Nothing => missed += 1,
            }
            if missed == MOST_MISSED {
                return self.end_of_sandbox(&CallOptions::new()).await.unwrap_or_else(|| self.gone());
            }
        }
    }

    /// The error, or that of the sandbox's end if that is why the call failed.
    pub(super) async fn explained(&self, error: ClientError, call: &CallOptions) -> ClientError {
        Box::pin(self.end_behind(&error, call)).await.unwrap_or(error)
    }

    /// The error of the sandbox's end, if that is what shows as this error.
    ///
    /// A sandbox that is said to run while its runtime does not answer may be about to end: that is waited for a moment.
    pub(super) async fn end_behind(&self, error: &ClientError, call: &CallOptions) -> Option<ClientError> {
        if !may_be_an_end(error) {
            return None;
        }
        let call = call.within(self.silence().explanation);
        loop {
            match self.standing(&call, self.silence().explanation).await {
                Standing::Ended(ended) => return Some(ended),
                Standing::Unknown => return None,
                Standing::Runs => {}
            }
            let is_well = matches!(self.pulse(call.left(self.silence().explanation)).await, Pulse::Healthy);
            if is_well || call.left(PAUSE) < PAUSE {
                return None;
            }
            sleep(PAUSE).await;
        }
    }

    /// The error of a sandbox that does not run any more; none if it runs, or nobody knows.
    pub(super) async fn end_of_sandbox(&self, call: &CallOptions) -> Option<ClientError> {
        let within = self.silence().explanation;
        match Box::pin(self.standing(&call.within(within), within)).await {
            Standing::Ended(error) => Some(error),
            Standing::Runs | Standing::Unknown => None,
        }
    }

    /// How the sandbox stands, by one look at it.
    async fn standing(&self, call: &CallOptions, within: Duration) -> Standing {
        let call = CallOptions { max_retries: Some(0), request_timeout: Some(within), ..call.clone() };
        match self.look(&call).await {
            Ok(_) => Standing::Runs,
            Err(error @ ClientError::NotRunning(_)) => Standing::Ended(error),
            // By the API, and not by some gateway.
            Err(error) if error.is_gone() => Standing::Ended(ClientError::NotRunning(Box::new(NotRunning {
                sandbox_id: self.sandbox_id.to_string(),
                state: Some(PublicState::Deleted),
                diagnostic: None,
                request_id: error.request_id().unwrap_or_default().to_owned(),
            }))),
            Err(_) => Standing::Unknown,
        }
    }

    /// Asks the runtime how it is, for which it wants no token, on a connection that can't be dead already.
    async fn pulse(&self, timeout: Duration) -> Pulse {
        let Some(place) = self.access.get() else { return Pulse::Answered };
        let limits = Limits { timeout, deadline: None, max_retries: 0, budgeted: false };
        let target = Target::Runtime { place, path: "/health".into() };
        let request = Request::new(Method::GET, target, limits).about(&self.sandbox_id);
        let request = Request { takes: Takes::Anything, on_new_connection: true, ..request };
        match self.client.transport().send(&request, Ok::<RawAnswer, ClientError>).await {
            Ok(answer) if (200..300).contains(&answer.status) => Pulse::Healthy,
            Ok(_) => Pulse::Answered,
            Err(_) => Pulse::Nothing,
        }
    }

    /// The error of a call whose runtime has gone without a word.
    fn gone(&self) -> ClientError {
        let origin = self.access.get().map(|place| crate::http::origin_of(&place.server)).unwrap_or_default();
        let causes = vec!["nothing came any more, and GET /health had no answer either".to_owned()];
        let call = Box::new(self.call_to("/health"));
        ClientError::Transport { kind: TransportKind::Reset, origin, causes, call }
    }
}

/// Whether this is what a call comes to whose sandbox ends.
fn may_be_an_end(error: &ClientError) -> bool {
    match error {
        // Not what would be the same wherever the sandbox stands, as a failure of TLS.
        ClientError::Transport { .. } => error.retryable(),
        ClientError::Api(error) => match error.status {
            404 => error.code.as_deref() != Some("not_found"),
            409 => error.code.as_deref() == Some("failed_precondition"),
            410 | 502 | 504 => true,
            503 => error.code.as_deref() != Some("resource_exhausted"),
            _ => false,
        },
        _ => false,
    }
}
