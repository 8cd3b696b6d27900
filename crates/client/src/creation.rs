//! A create, from its request to a usable sandbox. What it made and its caller does not get is deleted again.

use std::time::Duration;

use hyper::body::Bytes;
use sandbar_protocol::{CreateOptions, IDEMPOTENCY_REPLAYED_HEADER, Sandbox};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::answer::RawAnswer;
use crate::cleanup::{CLEAN_UP_WITHIN, insisting};
use crate::readiness;
use crate::request::{Limits, Request, json_bytes};
use crate::{Answer, CallOptions, Client, ClientError, OnFailure, Onlooker, Wait};

/// How long the service may hold a create that waits.
const HELD: Duration = Duration::from_secs(30);
const LEAST_HELD_TIMEOUT: Duration = Duration::from_secs(45);
/// How long a failure is kept from its caller until what it left is deleted.
const TELL_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait after the service could not even say whether it keeps keys.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);

type Outcome = Result<Answer<Sandbox>, ClientError>;

/// One create. It runs to its end also when nobody waits for it any more.
pub(crate) struct Creation {
    client: Client,
    /// The options on the wire.
    body: Bytes,
    wait: Wait,
    onlooker: Onlooker,
    call: CallOptions,
    key: String,
}

impl Creation {
    pub(crate) fn new(
        client: &Client,
        options: &CreateOptions,
        onlooker: &Onlooker,
        call: CallOptions,
    ) -> Result<Self, ClientError> {
        let key = call.key()?;
        let wait = if options.wait_ready { Wait::UntilReady } else { Wait::No };
        // Who has less time to wait than the service may hold the create waits here alone, as does one before an onlooker.
        let may_hold = client.ready_timeout(&call) > HELD && !onlooker.is_there();
        let body = if wait == Wait::No || may_hold {
            json_bytes(options)
        } else {
            json_bytes(&CreateOptions { wait_ready: false, ..options.clone() })
        };
        Ok(Self { client: client.clone(), body, wait, onlooker: onlooker.clone(), call, key })
    }

    /// Tells the outcome; a caller that is gone by then has aborted it. What is rare is boxed: it would make each create larger.
    pub(crate) async fn run(self, mut caller: oneshot::Sender<Outcome>) {
        let begun = Instant::now();
        // Goes on when the caller is gone: nothing but its answer tells what there is to delete.
        let request = self.request(self.limits());
        let transport = self.client.transport();
        let mut sending = std::pin::pin!(transport.send(&request, created));
        let answer = tokio::select! {
            biased;
            answer = &mut sending => answer,
            () = self.ready_by(begun) => {
                drop(caller.send(Err(self.late())));
                let answer = sending.await;
                return Box::pin(self.undo(answer)).await;
            }
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Box::pin(self.tell_refused(error, caller)).await,
        };
        let sandbox_id = answer.value.sandbox_id.clone();
        // Under a key that was made for this call, what is replayed is an answer that was lost.
        let replayed = answer.replayed && !self.owns_key();
        let outcome = tokio::select! {
            biased;
            () = caller.closed() => None,
            outcome = self.client.settle(answer, self.wait, begun, &self.onlooker, &self.call) => Some(outcome),
        };
        match outcome {
            Some(Err(error)) if replayed => drop(caller.send(Err(error.with_replayed()))),
            Some(Err(error)) => Box::pin(self.tell_failed(error, &sandbox_id, caller)).await,
            Some(Ok(answer)) => {
                if caller.send(Ok(Answer { replayed, ..answer })).is_err() {
                    Box::pin(self.clean_up_aborted(&sandbox_id)).await;
                }
            }
            None => Box::pin(self.clean_up_aborted(&sandbox_id)).await,
        }
    }

    async fn clean_up_aborted(&self, sandbox_id: &str) {
        if self.call.owns_what_it_makes() {
            self.client.discard(sandbox_id).await;
        }
    }

    /// Comes back when the wait is over. Who keeps what it made needs its ID, and so its answer.
    async fn ready_by(&self, begun: Instant) {
        let limit = self.client.ready_timeout(&self.call);
        // Where the request has no more time than the wait, it is the request that is late.
        let is_bound = self.wait == Wait::UntilReady && limit < self.limits().timeout;
        if !is_bound || self.call.on_failure == OnFailure::Keep {
            return std::future::pending().await;
        }
        sleep_until(begun + limit).await;
    }

    /// The error of a wait that was over before the request had its answer.
    fn late(&self) -> ClientError {
        let error = readiness::late("", self.client.ready_timeout(&self.call), Vec::new());
        if self.owns_key() { error.with_deleted(false).with_deletion_under_way() } else { error }
    }

    /// Takes back what was made for a caller who has been told that it took too long.
    async fn undo(&self, answer: Outcome) {
        match answer {
            Ok(answer) => self.clean_up_aborted(&answer.value.sandbox_id).await,
            Err(error) => self.resolve_if(error.call().is_some_and(|call| call.outcome_unknown)).await,
        }
    }

    /// Whether nobody else can know the key.
    fn owns_key(&self) -> bool {
        self.call.idempotency_key.is_none()
    }

    fn request(&self, limits: Limits) -> Request {
        Request::post("/sandboxes", limits).json_bytes(self.body.clone()).keyed(self.key.clone())
    }

    fn limits(&self) -> Limits {
        let mut limits = self.client.limits(&self.call);
        if self.wait == Wait::UntilReady && self.call.request_timeout.is_none() {
            limits.timeout = limits.timeout.max(LEAST_HELD_TIMEOUT);
        }
        limits
    }

    /// There is no sandbox, or nobody knows.
    async fn tell_refused(&self, error: ClientError, caller: oneshot::Sender<Outcome>) {
        let unknown = error.call().is_some_and(|call| call.outcome_unknown);
        let _ = caller.send(Err(error));
        self.resolve_if(unknown).await;
    }

    async fn resolve_if(&self, unknown: bool) {
        // Under a key that others may know, there may be a sandbox that is theirs.
        if unknown && self.owns_key() && self.call.on_failure == OnFailure::Delete {
            self.resolve().await;
        }
    }

    /// There is a sandbox, and it is of no use.
    async fn tell_failed(&self, error: ClientError, sandbox_id: &str, caller: oneshot::Sender<Outcome>) {
        if self.call.on_failure == OnFailure::Keep {
            let _ = caller.send(Err(error));
            return;
        }
        let mut deletion = std::pin::pin!(self.client.discard(sandbox_id));
        // Who has little time is not kept for long.
        let within = TELL_WITHIN.min(self.client.ready_timeout(&self.call));
        let deleted = timeout(within, &mut deletion).await;
        let error = error.with_deleted(deleted == Ok(true));
        let _ = caller.send(Err(if deleted.is_err() { error.with_deletion_under_way() } else { error }));
        if deleted.is_err() {
            deletion.await;
        }
    }

    /// Finds out what became of a request whose answer was lost, and deletes it.
    async fn resolve(&self) {
        let until = Instant::now() + CLEAN_UP_WITHIN;
        // Without keys, a repeat would make another one.
        while !self.client.transport().keeps_keys(&self.request(insisting()), until).await {
            let is_known = self.client.transport().transport.keeps_keys.get().is_some();
            if is_known || Instant::now() + ASK_AGAIN_AFTER > until {
                return;
            }
            sleep(ASK_AGAIN_AFTER).await;
        }
        if let Ok(answer) =
            self.client.insist(until, |limits| Ok(self.request(limits)), RawAnswer::object::<Sandbox>).await
        {
            self.client.discard(&answer.value.sandbox_id).await;
        }
    }
}

/// Reads the answer, and whether an earlier request made what it gives.
fn created(answer: RawAnswer) -> Result<Answer<Sandbox>, ClientError> {
    let replayed = answer.header(IDEMPOTENCY_REPLAYED_HEADER).is_some_and(|mark| mark.eq_ignore_ascii_case("true"));
    Ok(Answer { replayed, ..answer.object()? })
}
