//! The sandbox's log: what commands print goes to the agent's own output as well, where the engine reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sandbar_protocol::whole_characters;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// A longer line is cut in two, between characters, as the engine does it.
const MAX_LINE_BYTES: usize = 8 * 1024;
/// Lines that wait for the engine to read them; more are lost, as no command waits for its log.
const QUEUE: usize = 256;

/// Which output a line belongs to.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// Where lines go.
#[derive(Clone)]
pub(crate) struct Log {
    lines: mpsc::Sender<(Stream, Vec<u8>)>,
    lost: Arc<AtomicU64>,
}

impl Log {
    /// Starts the task that writes. Must be called within a tokio runtime.
    pub(crate) fn start() -> Self {
        let (lines, inbox) = mpsc::channel(QUEUE);
        let lost = Arc::<AtomicU64>::default();
        tokio::spawn(write(inbox, lost.clone()));
        Self { lines, lost }
    }

    /// One command's output of one kind.
    pub(crate) fn of(&self, stream: Stream) -> Lines {
        Lines { log: self.clone(), stream, pending: Vec::new() }
    }
}

/// Cuts an output into lines.
pub(crate) struct Lines {
    log: Log,
    stream: Stream,
    pending: Vec<u8>,
}

impl Lines {
    /// Takes what was printed next.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n");
            self.pending.extend_from_slice(text.unwrap_or(part));
            while let Some(most) = self.pending.get(..MAX_LINE_BYTES).filter(|most| most.len() < self.pending.len()) {
                let rest = self.pending.split_off(whole_characters(most));
                self.end_line();
                self.pending = rest;
            }
            if text.is_some() {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.pending);
        line.push(b'\n');
        if self.log.lines.try_send((self.stream, line)).is_err() {
            self.log.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.pending.is_empty() {
            self.end_line();
        }
    }
}

async fn write(mut inbox: mpsc::Receiver<(Stream, Vec<u8>)>, lost: Arc<AtomicU64>) {
    let (mut out, mut err) = (tokio::io::stdout(), tokio::io::stderr());
    while let Some((stream, line)) = inbox.recv().await {
        let written = match stream {
            Stream::Out => print(&mut out, &line).await,
            Stream::Err => print(&mut err, &line).await,
        };
        // An engine that is gone reads no more.
        let _ = written;
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = print(&mut err, format!("{lost} lines came too fast, and are not in this log\n").as_bytes()).await;
        }
    }
}

async fn print(stream: &mut (impl AsyncWrite + Unpin), line: &[u8]) -> std::io::Result<()> {
    stream.write_all(line).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_between_characters_and_nothing_is_added() {
        let (lines, mut inbox) = mpsc::channel(QUEUE);
        let log = Log { lines, lost: Arc::default() };
        let text = format!("x{}", "\u{20ac}".repeat(MAX_LINE_BYTES));
        let mut output = log.of(Stream::Out);
        for piece in format!("{text}\n{}\nend", "y".repeat(MAX_LINE_BYTES)).as_bytes().chunks(1000) {
            output.push(piece);
        }
        drop((output, log));
        let mut told = Vec::new();
        while let Ok((_, line)) = inbox.try_recv() {
            told.push(String::from_utf8(line).expect("whole characters"));
        }
        assert!(told.iter().all(|line| line.ends_with('\n') && line.len() <= MAX_LINE_BYTES + 1));
        assert_eq!(told.pop().as_deref(), Some("end\n"));
        assert_eq!(told.pop().map(|line| line.len()), Some(MAX_LINE_BYTES + 1), "one of the limit is not cut");
        assert_eq!(told.iter().map(|line| line.trim_end()).collect::<String>(), text);
    }
}
