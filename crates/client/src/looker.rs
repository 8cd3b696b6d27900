//! The looks of one who waits for a sandbox.

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::header::{HeaderName, HeaderValue};
use sandbar_protocol::{PREFER_HEADER, PREFERENCE_APPLIED_HEADER, Sandbox, WAIT_PREFERENCE};
use tokio::time::{Instant, sleep};

use crate::answer::RawAnswer;
use crate::holds::Permit;
use crate::readiness::{Looks, Readiness};
use crate::request::Limits;
use crate::transport::Transport;
use crate::waiting::Seat;
use crate::{Answer, Client, ClientError, Onlooker};

/// Looks at a sandbox when that is worth it, and has the service hold a look where it does that.
///
/// An onlooker is to see what happens meanwhile: there, every look is answered at once, and none is left out.
pub(crate) struct Looker<'a> {
    client: &'a Client,
    sandbox_id: &'a str,
    onlooker: &'a Onlooker,
    limits: Limits,
    permit: Option<Permit>,
    /// How long the last look took, if it was to be held.
    held: Option<Duration>,
    /// Among those who wait for the list, while no look is held.
    seat: Option<Seat>,
}

impl<'a> Looker<'a> {
    pub(crate) fn new(client: &'a Client, sandbox_id: &'a str, onlooker: &'a Onlooker, limits: Limits) -> Self {
        Self { client, sandbox_id, onlooker, limits, permit: None, held: None, seat: None }
    }

    fn transport(&self) -> &'a Transport {
        self.client.transport().transport
    }
}

impl Looks for Looker<'_> {
    async fn due(&mut self, mut pause: Duration, left: Duration) {
        if self.onlooker.is_there() {
            return sleep(pause).await;
        }
        if let Some(took) = self.held.take() {
            // One that was held is followed by the next at once; but not every service holds that says so.
            sleep(pause.saturating_sub(took)).await;
            pause = Duration::ZERO;
        }
        let transport = self.transport();
        let mut permit = pin!(transport.holds.permit());
        self.permit = (&mut permit).now_or_never();
        if self.permit.is_some() {
            return;
        }
        let seat = self.seat.get_or_insert_with(|| transport.waiting.enter(self.client, self.sandbox_id));
        tokio::select! {
            biased;
            permit = permit => {
                self.permit = Some(permit);
                self.seat = None;
            }
            () = seat.turn(pause, left) => {}
        }
    }

    async fn look(&mut self, left: Duration) -> Result<Answer<Sandbox>, ClientError> {
        // The next look is the repeat of one that failed.
        let limits = Limits { timeout: self.limits.timeout.min(left), max_retries: 0, ..self.limits };
        let mut request = self.client.get_within(self.sandbox_id, "", limits)?;
        let holds = &self.transport().holds;
        let may_be_held = !self.onlooker.is_there();
        let permit = self.permit.take().or_else(|| may_be_held.then(|| holds.try_permit()).flatten());
        let held = permit.and_then(|permit| Some((permit.seconds(limits.timeout)?, permit)));
        if let Some((seconds, _)) = &held
            && let Ok(wish) = HeaderValue::from_str(&format!("{WAIT_PREFERENCE}={seconds}"))
        {
            request.headers.insert(HeaderName::from_static(PREFER_HEADER), wish);
        }
        let begun = Instant::now();
        let (answer, honoured) = self.client.transport().send(&request, read).await?;
        let is_pending = Readiness::of(&answer.value) == Readiness::Pending;
        if held.is_some() {
            self.held = Some(begun.elapsed());
            // Of one that is usable anyway, not everybody says that it could have been held.
            if honoured || is_pending {
                holds.learn(honoured);
            }
        }
        if let Some(seat) = self.seat.as_mut().filter(|_| is_pending) {
            seat.seen_starting();
        }
        self.onlooker.show(&answer);
        Ok(answer)
    }
}

/// Reads the answer, and whether the service has held it, or would have.
fn read(answer: RawAnswer) -> Result<(Answer<Sandbox>, bool), ClientError> {
    let applied = answer.header(PREFERENCE_APPLIED_HEADER).unwrap_or_default();
    let honoured = applied.split(',').any(|one| one.split(['=', ';']).next().is_some_and(is_wait));
    Ok((answer.object()?, honoured))
}

fn is_wait(name: &str) -> bool {
    name.trim().eq_ignore_ascii_case(WAIT_PREFERENCE)
}
