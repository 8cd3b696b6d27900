//! Watching a sandbox: the entries of its timeline, as they come.

use std::time::Duration;

use sandbar_protocol::PublicState;
use tokio::time::sleep;

use crate::outage::{once, outlast};
use crate::pauses::Pauses;
use crate::timeline::{TimelineReader, news};
use crate::{CallOptions, Client, ClientError};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// With the jitter no pause is longer than a second.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// The timeline of one sandbox, from its first entry on.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    sandbox_id: String,
    call: CallOptions,
    reader: TimelineReader,
    pauses: Pauses,
    pause: Duration,
    began: bool,
    ended: bool,
}

impl Client {
    /// Watches a sandbox's timeline.
    ///
    /// Route: `GET /sandboxes/:sandboxID`, repeated.
    pub fn watch(&self, sandbox_id: &str, call: CallOptions) -> Watch {
        Watch {
            client: self.clone(),
            sandbox_id: sandbox_id.to_owned(),
            call,
            reader: TimelineReader::default(),
            pauses: Pauses::growing(FIRST_PAUSE, LONGEST_PAUSE),
            pause: Duration::ZERO,
            began: false,
            ended: false,
        }
    }
}

impl Watch {
    /// What is new, as JSON text `{"sandbox": raw, "events": [raw, …]}`, at least one entry; waits until there is some.
    ///
    /// Returns `None` once the sandbox is deleted or failed, or is not known any more, and all entries were told. A call
    /// that is dropped before it is done loses nothing.
    ///
    /// # Errors
    /// As every call, though failures that may pass are waited out for as long as a request may take; and
    /// [`ClientError::Api`] with 404 if the sandbox never was.
    pub async fn next(&mut self) -> Result<Option<String>, ClientError> {
        loop {
            if self.ended {
                return Ok(None);
            }
            sleep(self.pause).await;
            let Self { client, sandbox_id, call, .. } = &*self;
            let ask = |left| client.get(sandbox_id, once(call, left));
            let answer = match outlast(client.limits(call).timeout, ask).await {
                Ok(answer) => answer,
                Err(error) if self.began && error.is_gone() => return Ok(None),
                Err(error) => return Err(error),
            };
            self.began = true;
            let state = answer.value.public_state();
            self.ended = state.is_some_and(|state| *state == PublicState::Deleted || state.is_failed());
            if let Some(news) = news(&mut self.reader, &answer.value.timeline, &answer.text) {
                self.pauses.reset();
                self.pause = self.pauses.next();
                return Ok(Some(news));
            }
            self.pause = self.pauses.next();
        }
    }
}
