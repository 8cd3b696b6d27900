use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sandbar_protocol::Diagnostic;
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::messages::{self, Answer, Call, Message, Request};
use super::told::{Told, lost};

/// Those who wait for an answer, by its number; `None` once the keeper is gone.
type Waiting = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>>;

/// The engine's end of a keeper's socket.
pub(super) struct Connection {
    requests: mpsc::UnboundedSender<Request>,
    waiting: Waiting,
    next: AtomicU64,
}

impl Connection {
    /// Starts reading and writing; what runtimes say is passed on to `told`.
    pub(super) fn new(stream: UnixStream, told: Arc<Told>) -> Self {
        let (reader, writer) = stream.into_split();
        let (requests, outbox) = mpsc::unbounded_channel();
        let waiting = Waiting::new(Mutex::new(Some(HashMap::new())));
        tokio::spawn(write_all(writer, outbox));
        tokio::spawn(read_all(reader, waiting.clone(), told));
        Self { requests, waiting, next: AtomicU64::new(0) }
    }

    /// Asks, and waits for the answer.
    pub(super) async fn call(&self, call: Call) -> Result<Answer, Diagnostic> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        match self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(waiting) => drop(waiting.insert(number, sender)),
            None => return Err(lost()),
        }
        let _ = self.requests.send(Request { number, call });
        match answer.await {
            Ok(Answer::Failed(diagnostic)) => Err(diagnostic),
            Ok(answer) => Ok(answer),
            Err(_) => Err(lost()),
        }
    }

    /// Says something that has no answer.
    pub(super) fn tell(&self, call: Call) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let _ = self.requests.send(Request { number, call });
    }

    /// Whether the keeper is still there.
    pub(super) fn is_open(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

async fn write_all(mut writer: OwnedWriteHalf, mut outbox: mpsc::UnboundedReceiver<Request>) {
    while let Some(request) = outbox.recv().await {
        // The reading side notices the end of the stream.
        if messages::write(&mut writer, &request).await.is_err() {
            return;
        }
    }
}

async fn read_all(reader: OwnedReadHalf, waiting: Waiting, told: Arc<Told>) {
    let mut reader = BufReader::new(reader);
    loop {
        match messages::read(&mut reader).await {
            Ok(Some(Message::Answer { number, answer })) => {
                let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(sender) = waiting.as_mut().and_then(|waiting| waiting.remove(&number)) {
                    // Whoever asked may have gone.
                    let _ = sender.send(answer);
                }
            }
            Ok(Some(Message::Notice(notice))) => told.pass_on(notice).await,
            Ok(None) => break,
            Err(error) => {
                tracing::error!("the keeper's words can't be read: {error}");
                break;
            }
        }
    }
    waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    told.lost().await;
}
