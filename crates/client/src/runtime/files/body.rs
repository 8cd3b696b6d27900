use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until};

/// How many chunks wait for the connection before their source has to.
const WAITING: usize = 4;

/// A part of a request's body.
#[derive(Debug)]
pub(super) enum Chunk {
    Bytes(Bytes),
    /// All of it was there: a body that stops without this is broken off.
    End,
}

/// The body of a request that is made while it is sent.
#[derive(Debug)]
pub(super) struct ChannelBody {
    /// What was taken out already.
    first: VecDeque<Bytes>,
    chunks: Receiver<Chunk>,
    /// What must still come, where that is known.
    left: Option<u64>,
    flow: Arc<Flow>,
    ended: bool,
}

/// How a body is getting on.
#[derive(Debug)]
pub(super) struct Flow {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sent: u64,
    moved: Instant,
    /// Whether it waits for its source, and not for the connection.
    is_starved: bool,
}

pub(super) fn body_of(size: Option<u64>) -> (Sender<Chunk>, ChannelBody, Arc<Flow>) {
    let (sender, chunks) = channel(WAITING);
    let state = State { sent: 0, moved: Instant::now(), is_starved: false };
    let flow = Arc::new(Flow { state: Mutex::new(state) });
    let body = ChannelBody { first: VecDeque::new(), chunks, left: size, flow: Arc::clone(&flow), ended: false };
    (sender, body, flow)
}

impl ChannelBody {
    /// Waits for all of it, and gives it back, unless it is more than `most` bytes; it stays as it was then.
    pub(super) async fn all_within(&mut self, most: usize) -> io::Result<Option<Vec<u8>>> {
        let mut size = 0;
        loop {
            match self.chunks.recv().await {
                Some(Chunk::Bytes(bytes)) => {
                    size += bytes.len();
                    self.first.push_back(bytes);
                    if size > most {
                        return Ok(None);
                    }
                }
                Some(Chunk::End) => {
                    self.ended = true;
                    return Ok(Some(self.first.drain(..).flatten().collect()));
                }
                None => return Err(broken_off()),
            }
        }
    }

    fn give(&mut self, bytes: Bytes) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let size = bytes.len() as u64;
        self.flow.note(size, false);
        self.left = self.left.map(|left| left.saturating_sub(size));
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

fn broken_off() -> io::Error {
    io::Error::other("the source of the file broke off")
}

impl Flow {
    /// How many bytes the connection has taken.
    pub(super) fn sent(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).sent
    }

    /// Waits until the other side takes nothing, or does not answer, for this long. What the source takes does not count.
    pub(super) async fn stalled(&self, patience: Duration) {
        loop {
            let (moved, is_starved) = {
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                (state.moved, state.is_starved)
            };
            let from = if is_starved { Instant::now() } else { moved };
            if from.elapsed() >= patience {
                return;
            }
            sleep_until(from + patience).await;
        }
    }

    fn note(&self, bytes: u64, is_starved: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { sent: state.sent + bytes, moved: Instant::now(), is_starved };
    }
}

impl Body for ChannelBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(bytes) = self.first.pop_front() {
            return self.give(bytes);
        }
        self.flow.note(0, true);
        match ready!(self.chunks.poll_recv(cx)) {
            Some(Chunk::Bytes(bytes)) => self.give(bytes),
            Some(Chunk::End) => {
                self.flow.note(0, false);
                self.ended = true;
                Poll::Ready(None)
            }
            None => Poll::Ready(Some(Err(broken_off()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
