//! Sending a request until it has an answer, or until another attempt is not safe or does not help.

use std::time::Duration;

use sandbar_protocol::Sandbox;
use tokio::time::{Instant, sleep};

use crate::ClientError;
use crate::answer::RawAnswer;
use crate::context::Context;
use crate::request::{Limits, Request};
use crate::retry::{self, Fate, Repeat};
use crate::transport::{Attempt, Opened, Transport};

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
        let mut attempts = Attempts::of(request);
        loop {
            // Boxed, as what is moved with it is large: a call is built in one place and runs in another.
            let attempt = Box::pin(self.transport.attempt(request, self.context, attempts.next()));
            match attempt.await.and_then(|answer| read(answer).map_err(|error| self.redacted(request, error))) {
                Ok(answer) => return Ok(self.answered(request, answer)),
                Err(error) => attempts.failed(self, error).await?,
            }
        }
    }

    /// Sends a request until it has a successful answer, whose body is left to be read.
    pub(crate) async fn open(&self, request: &Request) -> Reading<Opened> {
        let mut attempts = Attempts::of(request);
        loop {
            let attempt = Box::pin(self.transport.open(request, self.context, attempts.next()));
            match attempt.await {
                Ok(answer) => {
                    let redaction = self.transport.redaction(request, self.context);
                    return Ok(self.answered(request, Opened { redaction, ..answer }));
                }
                Err(error) => attempts.failed(self, error).await?,
            }
        }
    }

    /// An error that shows parts of an answer, without the secrets of its request.
    fn redacted(&self, request: &Request, mut error: ClientError) -> ClientError {
        if let ClientError::InvalidAnswer { content_type, excerpt, problem, .. } = &mut error {
            let redaction = self.transport.redaction(request, self.context);
            for text in [content_type, excerpt, problem] {
                *text = redaction.apply(text);
            }
        }
        error
    }

    fn answered<T>(&self, request: &Request, answer: T) -> T {
        self.transport.budget.earn();
        // It is the service's own, and without the key: a gateway's page or error would not tell that.
        if request.idempotency_key.is_some() {
            let _ = self.transport.keeps_keys.set(false);
        }
        answer
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
        if fate == Fate::Settled || attempts > max_retries || !in_time || request.is_once() {
            return None;
        }
        let is_safe = match request.repeat {
            _ if fate == Fate::Untouched => true,
            Repeat::Harmless => true,
            Repeat::Keyed => self.keeps_keys(request, deadline).await,
            Repeat::Twice => false,
        };
        let may = is_safe && (!budgeted || self.transport.budget.spend());
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

/// The sendings of one request.
struct Attempts<'a> {
    request: &'a Request,
    deadline: Instant,
    count: u32,
    last: Option<ClientError>,
    /// Whether one of them may have taken effect.
    unknown: bool,
}

impl<'a> Attempts<'a> {
    fn of(request: &'a Request) -> Self {
        Self { request, deadline: request.limits.ends(), count: 0, last: None, unknown: false }
    }

    fn next(&mut self) -> Attempt<'_> {
        self.count += 1;
        Attempt {
            number: self.count,
            deadline: self.deadline,
            before: self.last.as_ref(),
            earlier_unknown: self.unknown,
        }
    }

    /// Waits for the next one to be due; gives the error back if there is to be none.
    async fn failed(&mut self, sender: &Sender<'_>, error: ClientError) -> Result<(), ClientError> {
        let fate = Fate::of(&error);
        // A refusal for good settles what attempts before it may have done: under one key, all of them are one. To
        // come again later is what a gateway may ask for as well, which knows nothing of them.
        let settled = fate == Fate::Settled && matches!(error, ClientError::Api(_));
        self.unknown = fate == Fate::Unknown || (self.unknown && !settled);
        match sender.pause_before_repeat(self.request, fate, &error, self.count, self.deadline).await {
            Some(pause) => {
                sender.context.journal.repeated(&error, pause);
                sleep(pause).await;
            }
            None if self.unknown && self.request.repeat == Repeat::Keyed => return Err(error.with_outcome_unknown()),
            None => return Err(error),
        }
        self.last = Some(error);
        Ok(())
    }
}
