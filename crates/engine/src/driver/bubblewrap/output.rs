use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sandbar_protocol::LogLevel;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

use crate::driver::RuntimeNotice;

const MAX_LINE_BYTES: usize = 8 * 1024;
const KEPT_LINES: usize = 5;

/// The last lines of standard error, for the diagnostic of a failed start.
#[derive(Clone, Default)]
pub(super) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// The lines, joined.
    pub(super) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }
}

/// Where a runtime tells what happens; nowhere until someone listens.
#[derive(Clone, Default)]
pub(super) struct Notices(Arc<OnceLock<mpsc::Sender<RuntimeNotice>>>);

impl Notices {
    /// The first who listens is the only one.
    pub(super) fn listen(&self, listener: mpsc::Sender<RuntimeNotice>) {
        let _ = self.0.set(listener);
    }

    /// Tells it if there is room.
    pub(super) fn try_send(&self, notice: RuntimeNotice) {
        if let Some(listener) = self.0.get() {
            let _ = listener.try_send(notice);
        }
    }

    /// Tells it for certain, unless the engine ends.
    pub(super) async fn send(&self, notice: RuntimeNotice) {
        if let Some(listener) = self.0.get() {
            let _ = listener.send(notice).await;
        }
    }
}

/// Passes a stream on line by line. It never waits for the engine: a sandbox that floods its log loses lines, and
/// neither blocks.
pub(super) async fn forward(
    stream: Option<impl AsyncRead + Unpin>,
    level: LogLevel,
    sandbox_id: String,
    notices: Notices,
    last: LastLines,
) {
    let Some(mut stream) = stream else { return };
    let mut pending = Vec::new();
    let mut buffer = vec![0; 4096];
    let emit = |bytes: &[u8]| {
        let line = String::from_utf8_lossy(bytes).into_owned();
        last.push(&line);
        notices.try_send(RuntimeNotice::Output { sandbox_id: sandbox_id.clone(), level, line });
    };
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        for byte in buffer.iter().take(count) {
            if *byte == b'\n' {
                emit(&pending);
                pending.clear();
            } else {
                pending.push(*byte);
                if pending.len() == MAX_LINE_BYTES {
                    emit(&pending);
                    pending.clear();
                }
            }
        }
    }
    if !pending.is_empty() {
        emit(&pending);
    }
}
