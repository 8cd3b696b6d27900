//! The lifecycle routes.

use jiff::{SignedDuration, Timestamp};
use sandbar_protocol::{
    ConnectOptions, CreateOptions, END_AT_HEADER, HAS_NEXT_HEADER, Heartbeat, HeartbeatAnswer, HeartbeatStatus,
    ListQuery, NEXT_TOKEN_HEADER, PREVIOUS_STATE_HEADER, PublicState, RefreshOptions, Sandbox, TimeoutOptions,
};
use tokio::sync::oneshot;
use tokio::time::Instant;
use url::form_urlencoded;

use crate::answer::RawAnswer;
use crate::creation::Creation;
use crate::looker::Looker;
use crate::readiness::{self, Readiness};
use crate::request::Request;
use crate::to_the_end::ToTheEnd;
use crate::{Answer, CallOptions, Client, ClientError, Onlooker, Page, Wait};

impl Client {
    /// Creates a sandbox; with `options.wait_ready`, returns once it is usable.
    ///
    /// The service may hold such a request for up to 30 s and then answers `starting`; the rest of the wait is done
    /// here, all of it within the ready timeout (default 120 s). A failed start ends the wait at once.
    ///
    /// No sandbox is left that the caller does not know of. Dropping the future aborts the create: what it has made is
    /// deleted in the background, as is one that does not become ready, unless `call.on_failure` keeps it. Where the
    /// answer is lost, the request is repeated under its key if the service keeps keys; else, and when its time is up, the
    /// error's [`Call`](crate::Call) says `outcome_unknown`, with the key. [`Client::settled`] waits for all that.
    ///
    /// Under a key that the caller passed, what an earlier call made is given back ([`Answer::replayed`]) and never deleted
    /// here, nor is anything while the outcome is not known, or after an abort: a repeat may have got it.
    ///
    /// Returns the sandbox as create answered it, or its detail if it had to be waited for.
    ///
    /// # Errors
    /// As every call; and [`ClientError::NotReady`] if the start failed or did not end in time.
    ///
    /// Route: `POST /sandboxes`, with an `Idempotency-Key`.
    pub async fn create(&self, options: &CreateOptions, call: CallOptions) -> Result<Answer<Sandbox>, ClientError> {
        self.create_seen(options, &Onlooker::default(), call).await
    }

    /// [`Client::create`] before an onlooker: the service is not asked to hold the answer, so that all of the wait is seen.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub async fn create_seen(
        &self,
        options: &CreateOptions,
        onlooker: &Onlooker,
        call: CallOptions,
    ) -> Result<Answer<Sandbox>, ClientError> {
        let creation = Creation::new(self, options, onlooker, call)?;
        let entered = self.transport().transport.creations.enter();
        let (caller, outcome) = oneshot::channel();
        let creation = ToTheEnd::new(async move {
            creation.run(caller).await;
            drop(entered);
        });
        creation.until(outcome).await.unwrap_or_else(|| Err(self.transport().transport.stopped()))
    }

    /// Lists sandboxes, one page of at most 100.
    ///
    /// Returns the page, and the token of the next one.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `GET /sandboxes`.
    pub async fn list(&self, query: &ListQuery, call: CallOptions) -> Result<Page, ClientError> {
        let request = Request::get("/sandboxes", self.limits(&call)).query(list_pairs(query));
        self.transport().send(&request, page).await
    }

    /// Looks at one sandbox: state, deadline, sizes, metadata, timeline. A deleted one is shown for 24 h.
    ///
    /// # Errors
    /// As every call; 404 if there is no such sandbox.
    ///
    /// Route: `GET /sandboxes/:sandboxID`.
    pub async fn get(&self, sandbox_id: &str, call: CallOptions) -> Result<Answer<Sandbox>, ClientError> {
        self.transport().send(&self.get_of(sandbox_id, "", &call)?, RawAnswer::object).await
    }

    /// Connects to a sandbox and resumes it if it is paused; `wait` says whether to return only once it is usable.
    ///
    /// Returns the sandbox as connect answered it, or its detail if it had to be waited for.
    ///
    /// # Errors
    /// As every call; 404 for a deleted or unknown sandbox, 409 for a failed one; and [`ClientError::NotReady`].
    ///
    /// Route: `POST /sandboxes/:sandboxID/connect`.
    pub async fn connect(
        &self,
        sandbox_id: &str,
        options: &ConnectOptions,
        wait: Wait,
        call: CallOptions,
    ) -> Result<Answer<Sandbox>, ClientError> {
        self.connect_seen(sandbox_id, options, wait, &Onlooker::default(), call).await
    }

    /// [`Client::connect`] before an onlooker.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_seen(
        &self,
        sandbox_id: &str,
        options: &ConnectOptions,
        wait: Wait,
        onlooker: &Onlooker,
        call: CallOptions,
    ) -> Result<Answer<Sandbox>, ClientError> {
        let begun = Instant::now();
        let limit = self.ready_timeout(&call);
        // Where the request has no more time than the wait, it is the request that is late.
        let is_bound = wait == Wait::UntilReady && limit < self.limits(&call).timeout;
        let in_all = if is_bound { call.within(limit) } else { call.clone() };
        let request = self.post_to(sandbox_id, "/connect", &in_all)?.json(options).keyed(call.key()?);
        let answer = match self.transport().send(&request, RawAnswer::object).await {
            Err(error @ ClientError::RequestTimeout { .. }) if is_bound && begun.elapsed() >= limit => {
                return Err(readiness::late(sandbox_id, limit, readiness::causes_of(&error)));
            }
            outcome => outcome?,
        };
        self.settle(answer, wait, begun, onlooker, &call).await
    }

    /// Waits until a sandbox is usable, at most the ready timeout (default 120 s).
    ///
    /// The service is asked to hold its answers meanwhile. Where it does not, many who wait at the same time read the list
    /// of starting sandboxes together, and look at what is missing in it.
    ///
    /// Returns its detail.
    ///
    /// # Errors
    /// As every call, though failures that may pass (no connection, 429, 5xx) are waited out; and
    /// [`ClientError::NotReady`] at once if it failed, ended or is paused, and when the time is up.
    ///
    /// Routes: `GET /sandboxes/:sandboxID`, repeated; `GET /sandboxes`.
    pub async fn wait_ready(&self, sandbox_id: &str, call: CallOptions) -> Result<Answer<Sandbox>, ClientError> {
        self.wait_ready_seen(sandbox_id, &Onlooker::default(), call).await
    }

    /// [`Client::wait_ready`] before an onlooker.
    ///
    /// # Errors
    /// As [`Client::wait_ready`].
    pub async fn wait_ready_seen(
        &self,
        sandbox_id: &str,
        onlooker: &Onlooker,
        call: CallOptions,
    ) -> Result<Answer<Sandbox>, ClientError> {
        self.wait(Sandbox::with_id(sandbox_id), Instant::now(), onlooker, &call).await
    }

    /// Pauses a sandbox: its runtime stops, files and metadata stay.
    ///
    /// Returns whether that changed anything: false if it was paused already, unless an attempt whose answer was lost may have done it.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST /sandboxes/:sandboxID/pause`.
    pub async fn pause(&self, sandbox_id: &str, call: CallOptions) -> Result<bool, ClientError> {
        let answer = self.transport().send(&self.post_to(sandbox_id, "/pause", &call)?, Ok).await?;
        let was_paused = answer.header(PREVIOUS_STATE_HEADER).map(PublicState::from) == Some(PublicState::Paused);
        Ok(!was_paused || answer.call.earlier_unknown)
    }

    /// Extends a sandbox's life, never shortens it: to now + `duration` (0…3600 s, default its own timeout).
    ///
    /// Returns when it ends now, if the service said so.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST /sandboxes/:sandboxID/refreshes`.
    pub async fn refresh(
        &self,
        sandbox_id: &str,
        options: &RefreshOptions,
        call: CallOptions,
    ) -> Result<Option<Timestamp>, ClientError> {
        let mut request = self.post_to(sandbox_id, "/refreshes", &call)?;
        if options.duration.is_some() {
            request = request.json(options);
        }
        Ok(end_at(&self.transport().send(&request, Ok).await?))
    }

    /// Sets when a sandbox ends: now + `timeout` (0…86400 s; 0 ends it now).
    ///
    /// Returns when it ends now: as the service said, or else by this machine's clock.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST /sandboxes/:sandboxID/timeout`.
    pub async fn set_timeout(
        &self,
        sandbox_id: &str,
        options: &TimeoutOptions,
        call: CallOptions,
    ) -> Result<Option<Timestamp>, ClientError> {
        let request = self.post_to(sandbox_id, "/timeout", &call)?.json(options);
        let answer = self.transport().send(&request, Ok).await?;
        let estimate = || Timestamp::now().checked_add(SignedDuration::from_secs(options.timeout.into())).ok();
        Ok(end_at(&answer).or_else(estimate))
    }

    /// Deletes a sandbox and its files.
    ///
    /// Returns whether there was one: `false` if the service says 404. Where the answer to an attempt before was lost, which
    /// may have deleted it, that is `true`.
    ///
    /// # Errors
    /// As every call, but for the service's own 404.
    ///
    /// Route: `DELETE /sandboxes/:sandboxID`.
    pub async fn delete(&self, sandbox_id: &str, call: CallOptions) -> Result<bool, ClientError> {
        match self.transport().send(&self.delete_of(sandbox_id, self.limits(&call))?, Ok).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_gone() => Ok(error.call().is_some_and(|call| call.earlier_unknown)),
            Err(error) => Err(error),
        }
    }

    /// Tells the service how a runtime feels: the runtime's own call.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST /sandboxes/:sandboxID/heartbeat`.
    pub async fn heartbeat(
        &self,
        sandbox_id: &str,
        status: HeartbeatStatus,
        call: CallOptions,
    ) -> Result<Answer<HeartbeatAnswer>, ClientError> {
        let request = self.post_to(sandbox_id, "/heartbeat", &call)?.json(&Heartbeat { status });
        self.transport().send(&request, RawAnswer::object).await
    }

    /// Goes on from the answer of create or connect.
    pub(crate) async fn settle(
        &self,
        answer: Answer<Sandbox>,
        wait: Wait,
        begun: Instant,
        onlooker: &Onlooker,
        call: &CallOptions,
    ) -> Result<Answer<Sandbox>, ClientError> {
        onlooker.show(&answer);
        match Readiness::of(&answer.value) {
            Readiness::Usable => Ok(answer),
            Readiness::Failed => Err(readiness::ended(answer)),
            Readiness::Gone | Readiness::Pending if wait == Wait::No => Ok(answer),
            Readiness::Gone => Err(readiness::ended(answer)),
            Readiness::Pending => Box::pin(self.wait(answer.value, begun, onlooker, call)).await,
        }
    }

    async fn wait(
        &self,
        seen: Sandbox,
        begun: Instant,
        onlooker: &Onlooker,
        call: &CallOptions,
    ) -> Result<Answer<Sandbox>, ClientError> {
        let sandbox_id = seen.sandbox_id.clone();
        let mut looker = Looker::new(self, &sandbox_id, onlooker, self.limits(call));
        readiness::wait(seen, begun, self.ready_timeout(call), &mut looker).await
    }
}

fn page(answer: RawAnswer) -> Result<Page, ClientError> {
    let (next_token, has_next) = paging(&answer);
    Ok(Page { has_next, next_token, sandboxes: answer.array()? })
}

/// The token of the next page, and whether there is one.
pub(crate) fn paging(answer: &RawAnswer) -> (Option<String>, bool) {
    let next_token = answer.header(NEXT_TOKEN_HEADER).filter(|token| !token.is_empty()).map(str::to_owned);
    let has_next = answer.header(HAS_NEXT_HEADER).map_or(next_token.is_some(), |flag| flag == "true");
    let has_next = has_next && next_token.is_some();
    (next_token, has_next)
}

fn end_at(answer: &RawAnswer) -> Option<Timestamp> {
    answer.header(END_AT_HEADER)?.parse().ok()
}

fn list_pairs(query: &ListQuery) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    if !query.metadata.is_empty() {
        // One query string inside the other. Not every server reads `+` as a space in the inner one.
        let metadata = form_urlencoded::Serializer::new(String::new()).extend_pairs(&query.metadata).finish();
        pairs.push(("metadata", metadata.replace('+', "%20")));
    }
    pairs.extend(query.states.iter().map(|state| ("state", state.to_string())));
    pairs.extend(query.limit.map(|limit| ("limit", limit.to_string())));
    pairs.extend(query.next_token.clone().map(|token| ("nextToken", token)));
    pairs
}
