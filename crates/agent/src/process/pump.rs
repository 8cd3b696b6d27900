//! The way of a process's output from its pipe to whoever keeps it.

use std::io::ErrorKind;
use std::time::Duration;

use nix::libc::EIO;
use sandbar_protocol::whole_characters;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::log::Lines;

/// How long after a command's end its background children may still add output.
const BACKGROUND_GRACE: Duration = Duration::from_millis(100);
/// What can stand in a pipe at a command's end, at most: it is read whatever the grace.
const MAX_IN_PIPE: usize = 1024 * 1024;
const BUFFER: usize = 16 * 1024;
/// How soon a terminal that nobody has open is read again, at first and at most.
const MIN_REOPEN_INTERVAL: Duration = Duration::from_millis(10);
const MAX_REOPEN_INTERVAL: Duration = Duration::from_millis(500);

/// What keeps an output.
pub(crate) trait Sink: Send + 'static {
    /// Takes what comes next: whole characters, where it is text.
    fn take(&mut self, bytes: &[u8]) -> impl Future<Output = ()> + Send;
}

/// The outputs of one command.
pub(crate) struct Pumps {
    ended: watch::Sender<Option<Instant>>,
    running: Vec<oneshot::Receiver<()>>,
}

impl Pumps {
    pub(crate) fn new() -> Self {
        Self { ended: watch::Sender::new(None), running: Vec::new() }
    }

    /// Reads a stream, into the log as well.
    ///
    /// When the command has ended and others still hold the stream, the log alone gets what they print: a closed pipe
    /// would end a server that was left in the background.
    pub(crate) fn start(
        &mut self,
        stream: impl AsyncRead + Send + Unpin + 'static,
        log: Option<Lines>,
        sink: impl Sink,
    ) {
        let (done, receiver) = oneshot::channel();
        self.running.push(receiver);
        tokio::spawn(pump(stream, log, sink, self.ended.subscribe(), done));
    }

    /// The command has ended: waits until all that it printed is taken.
    pub(crate) async fn end(self) {
        self.ended.send_replace(Some(Instant::now()));
        for running in self.running {
            // It is dropped, not sent.
            let _ = running.await;
        }
    }
}

async fn pump(
    mut stream: impl AsyncRead + Send + Unpin,
    mut log: Option<Lines>,
    mut sink: impl Sink,
    mut ended: watch::Receiver<Option<Instant>>,
    done: oneshot::Sender<()>,
) {
    let mut buffer = vec![0; BUFFER];
    // The beginning of a character whose rest has not come yet.
    let mut held = 0;
    let mut after_end = 0;
    let end = ended.clone();
    loop {
        let room = buffer.get_mut(held..).unwrap_or_default();
        let count = tokio::select! {
            biased;
            count = read(&mut stream, room, &end) => count,
            () = grace(&mut ended) => 0,
        };
        let read = buffer.get(held..held + count).unwrap_or_default();
        if let Some(log) = &mut log {
            log.push(read);
        }
        if ended.borrow().is_some() {
            after_end += count;
        }
        let is_last = count == 0 || after_end > MAX_IN_PIPE;
        let available = held + count;
        let ready = if is_last { available } else { whole_characters(buffer.get(..available).unwrap_or_default()) };
        sink.take(buffer.get(..ready).unwrap_or_default()).await;
        if is_last {
            break;
        }
        buffer.copy_within(ready..available, 0);
        held = available - ready;
    }
    drop((sink, done));
    let Some(mut log) = log else { return };
    while let count @ 1.. = read(&mut stream, &mut buffer, &end).await {
        log.push(buffer.get(..count).unwrap_or_default());
    }
}

/// How many bytes came next; none at the end.
async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    room: &mut [u8],
    ended: &watch::Receiver<Option<Instant>>,
) -> usize {
    let mut wait = MIN_REOPEN_INTERVAL;
    loop {
        match stream.read(room).await {
            Ok(count) => return count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Nobody has the terminal open, and the command may still open it again.
            Err(error)
                if error.raw_os_error() == Some(EIO) && ended.borrow().is_none() && ended.has_changed().is_ok() =>
            {
                sleep(wait).await;
                wait = (wait * 2).min(MAX_REOPEN_INTERVAL);
            }
            Err(_) => return 0,
        }
    }
}

/// Comes back when the command has ended, and the grace of those in the background as well.
async fn grace(ended: &mut watch::Receiver<Option<Instant>>) {
    let end = match ended.wait_for(Option::is_some).await {
        Ok(end) => *end,
        // Nobody waits for the command: it was killed.
        Err(_) => None,
    };
    sleep_until(end.unwrap_or_else(Instant::now) + BACKGROUND_GRACE).await;
}
