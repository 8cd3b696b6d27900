//! Following a sandbox's log: each line once, whatever happens to connections.

use std::time::Duration;

use sandbar_protocol::{Fields, LogDirection, LogsQuery, MAX_LOG_LIMIT, PublicState, SandboxLogs, ValidationError};
use tokio::time::{Instant, sleep};

use crate::outage::{once, outlast};
use crate::pauses::Pauses;
use crate::{Answer, Args, CallOptions, Client, ClientError};

/// Lines that come make the next look quick; while none come, looks become rarer.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// With the jitter no pause is longer than a second.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);
/// How often it is asked, while no lines come, whether the sandbox still is.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// The log of one sandbox, read forward from a place on.
///
/// The service counts lines by a cursor, and an answer that is lost is asked for again with the same one.
#[derive(Debug)]
pub struct LogFollower {
    client: Client,
    sandbox_id: String,
    query: LogsQuery,
    call: CallOptions,
    pauses: Pauses,
    pause: Duration,
    /// When the sandbox was last seen alive.
    seen: Option<Instant>,
    began: bool,
    ended: bool,
}

impl Args {
    /// Arguments of logs that are followed: where to begin, and which lines.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn follow_logs(&self) -> Result<(String, LogsQuery, CallOptions), ValidationError> {
        let (rest, own) = self.without_options(&["follow"]);
        Fields::of("logs options", &own, &["follow"])?.boolean("follow")?;
        let sandbox_id = rest.sandbox_id()?;
        let (options, call) = rest.options()?;
        let refuse = |name: &str, way_out: &str| {
            ValidationError::new(name, format!("`{name}` is not accepted together with `follow`: {way_out}"))
        };
        if options.get("direction").is_some() {
            return Err(refuse("direction", "a log is followed forward, so leave it out"));
        }
        if options.get("limit").is_some() {
            return Err(refuse("limit", "leave the loop when you have enough lines"));
        }
        Ok((sandbox_id, LogsQuery::from_json(&options)?, call))
    }
}

impl Client {
    /// Follows a sandbox's log from `query.cursor` on, or from its first line; limit and direction are not its own.
    ///
    /// Route: `GET /sandboxes/:sandboxID/logs`, repeated; and `GET /sandboxes/:sandboxID` while no lines come.
    pub fn follow_logs(&self, sandbox_id: &str, query: LogsQuery, call: CallOptions) -> LogFollower {
        LogFollower {
            client: self.clone(),
            sandbox_id: sandbox_id.to_owned(),
            query: LogsQuery { limit: Some(MAX_LOG_LIMIT), direction: Some(LogDirection::Forward), ..query },
            call,
            pauses: Pauses::growing(FIRST_PAUSE, LONGEST_PAUSE),
            pause: Duration::ZERO,
            seen: None,
            began: false,
            ended: false,
        }
    }
}

impl LogFollower {
    /// The next lines, at least one; waits until there are some.
    ///
    /// Returns `None` once the sandbox is deleted or failed, or is not known any more, and all its lines were read. A
    /// call that is dropped before it is done loses nothing.
    ///
    /// # Errors
    /// As every call, though failures that may pass are waited out for as long as a request may take; and
    /// [`ClientError::Api`] with 404 if the sandbox never was.
    pub async fn next(&mut self) -> Result<Option<Answer<SandboxLogs>>, ClientError> {
        loop {
            sleep(self.pause).await;
            // Asked before the log is read, so that no line of a sandbox that has ended is missed.
            let over = self.ended;
            let Some(window) = self.read().await? else { return Ok(None) };
            let count = window.value.logs.len();
            let moved = self.advance(&window.value, count);
            if count > 0 {
                self.pauses.reset();
                // While there is more, it is fetched at once.
                self.pause = if window.value.has_more == Some(true) { Duration::ZERO } else { self.pauses.next() };
                return Ok(Some(window));
            }
            if moved && window.value.has_more == Some(true) {
                // A window without a line that was asked for.
                self.pause = Duration::ZERO;
                continue;
            }
            if over {
                return Ok(None);
            }
            self.look().await?;
            if self.ended {
                // A log may be written a moment after what it tells of.
                self.pauses.reset();
            }
            self.pause = self.pauses.next();
        }
    }

    /// One window of the log; `None` if it is gone with its sandbox.
    async fn read(&mut self) -> Result<Option<Answer<SandboxLogs>>, ClientError> {
        let Self { client, sandbox_id, query, call, .. } = self;
        let ask = |left| client.logs(sandbox_id, query, once(call, left));
        match outlast(client.limits(call).timeout, ask).await {
            Ok(window) => {
                self.began = true;
                Ok(Some(window))
            }
            Err(error) if self.began && error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Moves the cursor behind the lines of a window; whether that changed it.
    fn advance(&mut self, window: &SandboxLogs, count: usize) -> bool {
        let before = self.query.cursor;
        // A service that says no cursor counts lines.
        let counted = before.unwrap_or_default() + count as u64;
        self.query.cursor = window.next_cursor.or((count > 0).then_some(counted)).or(before);
        self.query.cursor != before
    }

    /// Finds out, now and then, whether more lines can come.
    async fn look(&mut self) -> Result<(), ClientError> {
        if self.seen.is_some_and(|seen| seen.elapsed() < LOOK_AFTER) {
            return Ok(());
        }
        let Self { client, sandbox_id, call, .. } = self;
        let ask = |left| client.get(sandbox_id, once(call, left));
        match outlast(client.limits(call).timeout, ask).await {
            Ok(answer) => {
                let state = answer.value.public_state();
                self.ended = state.is_some_and(|state| *state == PublicState::Deleted || state.is_failed());
            }
            Err(error) if error.is_gone() => self.ended = true,
            Err(error) => return Err(error),
        }
        self.seen = Some(Instant::now());
        Ok(())
    }
}
