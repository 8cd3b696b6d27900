use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sandbar_protocol::Diagnostic;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::inbox::{Inbox, lost};
use super::messages::{self, Answer, Call, Message, Request};
use crate::driver::RuntimeNotice;

/// A keeper that has left so many calls unanswered gets no more.
const MAX_UNANSWERED: usize = 10_000;

/// The calls without an answer, by number; `None` once the keeper is gone. One that nobody waits for any more is among them.
type Unanswered = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>>;

/// The engine's end of a keeper's socket.
pub(super) struct Connection {
    outbox: mpsc::UnboundedSender<Vec<u8>>,
    unanswered: Unanswered,
    next: AtomicU64,
}

impl Connection {
    /// Starts reading and writing; notices are passed on to `inbox`.
    pub(super) fn new(stream: UnixStream, inbox: Arc<Inbox>) -> Self {
        let (reader, writer) = stream.into_split();
        let (outbox, lines) = mpsc::unbounded_channel();
        let (notices, noticed) = mpsc::unbounded_channel();
        let unanswered = Unanswered::new(Mutex::new(Some(HashMap::new())));
        tokio::spawn(write_all(writer, lines));
        tokio::spawn(read_all(reader, unanswered.clone(), notices));
        tokio::spawn(pass_on(noticed, inbox, outbox.downgrade()));
        Self { outbox, unanswered, next: AtomicU64::new(0) }
    }

    /// Asks, and waits for the answer for as long as `limit`. Without one by then, the call may still be carried out.
    pub(super) async fn call(&self, call: Call, limit: Duration) -> Result<Answer, Diagnostic> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let line = messages::encode(&Request { number, call })?;
        let (sender, answer) = oneshot::channel();
        match self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(unanswered) if unanswered.len() >= MAX_UNANSWERED => return Err(silent(Duration::ZERO)),
            Some(unanswered) => drop(unanswered.insert(number, sender)),
            None => return Err(lost()),
        }
        let _ = self.outbox.send(line);
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(Answer::Failed(diagnostic))) => Err(diagnostic),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(lost()),
            Err(_) => Err(silent(limit)),
        }
    }

    /// Sends a call that has no answer.
    pub(super) fn send(&self, call: Call) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if let Ok(line) = messages::encode(&Request { number, call }) {
            let _ = self.outbox.send(line);
        }
    }

    /// Whether the keeper is still there.
    pub(super) fn is_open(&self) -> bool {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// The keeper did not answer in time: whether the call was carried out is unknown.
pub(super) fn silent(limit: Duration) -> Diagnostic {
    let message = format!(
        "the process that holds the sandboxes did not answer within {} s: whether the call was carried out is unknown",
        limit.as_secs()
    );
    Diagnostic::new("keeper_silent", message).recommend(
        "the machine may be overloaded, or the process `sandbar keep` stopped: read keeper.log in the data folder; if \
         it stays silent, kill it: sandboxes start again on their files",
    )
}

async fn write_all(mut writer: OwnedWriteHalf, mut lines: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        // The reading side notices the end of the stream.
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}

/// Never waits for those who take notices: answers would wait behind them.
async fn read_all(reader: OwnedReadHalf, unanswered: Unanswered, notices: mpsc::UnboundedSender<RuntimeNotice>) {
    let mut reader = BufReader::new(reader);
    loop {
        match messages::read(&mut reader).await {
            Ok(Some(Ok(Message::Answer { number, answer }))) => {
                let mut unanswered = unanswered.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(sender) = unanswered.as_mut().and_then(|unanswered| unanswered.remove(&number)) {
                    // Whoever asked may have gone.
                    let _ = sender.send(answer);
                }
            }
            // The keeper sends only so many before the first of them are taken.
            Ok(Some(Ok(Message::Notice(notice)))) => drop(notices.send(notice)),
            Ok(Some(Err(unreadable))) => tracing::error!("the keeper said something unreadable: {unreadable}"),
            Ok(None) => break,
            Err(error) => {
                tracing::error!("the connection to the keeper broke: {error}");
                break;
            }
        }
    }
    unanswered.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// Passes notices on one after the other, and at the end of the connection the loss of what ran.
async fn pass_on(
    mut notices: mpsc::UnboundedReceiver<RuntimeNotice>,
    inbox: Arc<Inbox>,
    outbox: mpsc::WeakUnboundedSender<Vec<u8>>,
) {
    while let Some(notice) = notices.recv().await {
        inbox.pass_on(notice).await;
        if let (Some(outbox), Ok(line)) =
            (outbox.upgrade(), messages::encode(&Request { number: 0, call: Call::Taken(1) }))
        {
            let _ = outbox.send(line);
        }
    }
    inbox.keeper_lost().await;
}
