//! Sending a request until it has an answer, or until another attempt is not safe or does not help.

use std::time::Duration;

use sandbar_protocol::Sandbox;
use tokio::time::{Instant, sleep};

use crate::ClientError;
use crate::answer::RawAnswer;
use crate::context::Context;
use crate::request::{Limits, Request};
use crate::retry::{self, Fate, Repeat};
use crate::transport::Transport;

/// What reading an answer gives.
pub(crate) type Reading<T> = Result<T, ClientError>;

/// A transport, for requests with one context.
pub(crate) struct Sender<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) context: &'a Context,
}

impl Sender<'_> {
    /// Sends a request until it has an answer that `read` takes: as often, and as long, as its limits allow.
    pub(crate) async fn send<T>(&self, request: &Request, read: fn(RawAnswer) -> Reading<T>) -> Reading<T> {
        let deadline = Instant::now() + request.limits.timeout;
        let mut last: Option<ClientError> = None;
        let mut attempts = 0;
        let mut unknown = false;
        loop {
            attempts += 1;
            let answer = self.transport.attempt(request, self.context, attempts, deadline, last.as_ref()).await;
            let error = match answer.and_then(read) {
                Ok(answer) => {
                    self.transport.budget.earn();
                    // It is the service's own, and without the key: a gateway's page or error would not tell that.
                    if request.idempotency_key.is_some() {
                        let _ = self.transport.keeps_keys.set(false);
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let fate = Fate::of(&error);
            // A refusal for good settles what attempts before it may have done: under one key, all of them are one. To
            // come again later is what a gateway may ask for as well, which knows nothing of them.
            let settled = fate == Fate::Settled && matches!(error, ClientError::Api(_));
            unknown = fate == Fate::Unknown || (unknown && !settled);
            match self.pause_before_repeat(request, fate, &error, attempts, deadline).await {
                Some(pause) => {
                    self.context.journal.repeated(&error, pause);
                    sleep(pause).await;
                }
                None if unknown && request.repeat == Repeat::Keyed => return Err(error.with_outcome_unknown()),
                None => return Err(error),
            }
            last = Some(error);
        }
    }

    /// How long to wait before a request is sent again that failed for the `attempts`th time; `None` if it is not.
    async fn pause_before_repeat(
        &self,
        request: &Request,
        fate: Fate,
        error: &ClientError,
        attempts: u32,
        deadline: Instant,
    ) -> Option<Duration> {
        let Limits { max_retries, budgeted, .. } = request.limits;
        let pause = retry::pause(attempts, error.retry_after());
        let in_time = pause < deadline.saturating_duration_since(Instant::now());
        if fate == Fate::Settled || attempts > max_retries || !in_time {
            return None;
        }
        let is_safe = fate == Fate::Untouched || request.repeat == Repeat::Harmless;
        let may = (is_safe || self.keeps_keys(request, deadline).await) && (!budgeted || self.transport.budget.spend());
        may.then_some(pause)
    }

    /// Whether the service answers a repeat under a key with the first result. One that does echoes the key.
    pub(crate) async fn keeps_keys(&self, request: &Request, deadline: Instant) -> bool {
        if let Some(known) = self.transport.keeps_keys.get() {
            return *known;
        }
        // Any route tells; this one asks for little.
        let timeout = deadline.saturating_duration_since(Instant::now());
        let limits = Limits { timeout, ..request.limits };
        let mut look = Request::get("/sandboxes", limits).query([("limit", "1".to_owned())]);
        look.idempotency_key.clone_from(&request.idempotency_key);
        // Boxed: it is one send within another, and asks for no third one, as it is harmless.
        let _ = Box::pin(self.send(&look, RawAnswer::array::<Sandbox>)).await;
        self.transport.keeps_keys.get() == Some(&true)
    }
}
