//! Deletes what creates have made and no caller has got.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::answer::RawAnswer;
use crate::journal::EventFields;
use crate::request::{Limits, Request};
use crate::retry::{self, Fate};
use crate::{CallOptions, Client, ClientError};

/// How long a request of the clean-up is repeated.
pub(crate) const CLEAN_UP_WITHIN: Duration = Duration::from_secs(120);
/// The time limit of one such request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);
/// How many sandboxes are deleted at the same time.
const CONCURRENCY: usize = 8;

/// Sandboxes that a create has made and whose caller has not got them yet. Dropped without [`Unclaimed::claim`], it deletes
/// them in the background, whatever the time limits and retries of the call were; [`Client::settled`] waits for that.
#[derive(Debug)]
#[must_use = "dropping it deletes the sandboxes"]
pub struct Unclaimed {
    ids: Vec<String>,
    client: Client,
    runtime: Handle,
}

impl Unclaimed {
    /// The caller has them: they are the caller's from now on.
    pub fn claim(mut self) {
        self.ids.clear();
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let ids = std::mem::take(&mut self.ids);
        if ids.is_empty() {
            return;
        }
        let client = self.client.clone();
        let entered = client.transport().transport.creations.enter();
        self.runtime.spawn(async move {
            let client = &client;
            iter(ids).for_each_concurrent(CONCURRENCY, |id| async move { _ = client.discard(&id).await }).await;
            drop(entered);
        });
    }
}

impl Client {
    /// Guards the sandboxes of a create until its caller has them, as long as they are on their way through other code. It
    /// guards none if the call keeps them ([`OnFailure::Keep`]), or has an idempotency key: a repeat may have got them.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn unclaimed(&self, ids: Vec<String>, call: &CallOptions) -> Unclaimed {
        let ids = if call.owns_what_it_makes() { ids } else { Vec::new() };
        Unclaimed { ids, client: self.clone(), runtime: Handle::current() }
    }

    /// Deletes a sandbox that no caller has got; whether it is gone.
    pub(crate) async fn discard(&self, sandbox_id: &str) -> bool {
        self.transport().context.journal.warn(|| {
            let fields = EventFields { sandbox_id: Some(sandbox_id.to_owned()), ..EventFields::default() };
            (format!("deletes sandbox {sandbox_id}, which nobody got from its create"), fields)
        });
        let request = |limits| self.delete_of(sandbox_id, limits);
        match self.insist(Instant::now() + CLEAN_UP_WITHIN, request, Ok).await {
            Ok(_) => true,
            Err(error) => error.is_gone(),
        }
    }

    /// Repeats a request for as long as its failures may pass.
    pub(crate) async fn insist<T>(
        &self,
        until: Instant,
        request: impl Fn(Limits) -> Result<Request, ClientError>,
        read: fn(RawAnswer) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        loop {
            match self.transport().send(&request(insisting())?, read).await {
                Err(error) if may_pass(&error) && Instant::now() < until => {
                    // It was given up because this is longer than one request may take.
                    let pause = retry::pause(1, error.retry_after());
                    sleep(pause.min(until.saturating_duration_since(Instant::now()))).await;
                }
                outcome => return outcome,
            }
        }
    }
}

fn may_pass(error: &ClientError) -> bool {
    // A gateway that has no route for a while knows nothing of the sandbox.
    let is_foreign = matches!(error, ClientError::Api(error) if error.status == 404 && !error.is_gone());
    Fate::of(error) != Fate::Settled || is_foreign
}

/// A clean-up does not count as a burden on the service.
pub(crate) fn insisting() -> Limits {
    Limits { timeout: REQUEST_TIMEOUT, deadline: None, max_retries: u32::MAX, budgeted: false }
}
