use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sandbar_protocol::{LogLevel, whole_characters};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::budget::Budget;
use crate::driver::RuntimeNotice;

const MAX_LINE_BYTES: usize = 8 * 1024;
const KEPT_LINES: usize = 5;
const MAX_KEPT_CHARS: usize = 500;

/// What a line costs beside its bytes: many short ones are as much work as a few long ones.
const LINE_COST: usize = 256;
/// What is passed on of a stream in a second, and at once after a pause.
const PASSED_PER_SECOND: u32 = 1024 * 1024;
const PASSED_AT_ONCE: u32 = 2 * 1024 * 1024;
/// What is read of a stream in a second, if only to be dropped: beyond it, whoever prints has to wait.
const READ_PER_SECOND: u32 = 8 * 1024 * 1024;
/// For how long a stream that says too much is not listened to.
const MUTED: Duration = Duration::from_secs(1);

/// The last lines of standard error, for the diagnostic of a failed start.
#[derive(Clone, Default)]
pub(super) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(printable(line, MAX_KEPT_CHARS));
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
    pub(super) fn to(listener: mpsc::Sender<RuntimeNotice>) -> Self {
        Self(Arc::new(OnceLock::from(listener)))
    }

    /// The first who listens is the only one.
    pub(super) fn listen(&self, listener: mpsc::Sender<RuntimeNotice>) {
        let _ = self.0.set(listener);
    }

    /// Tells it if there is room. False: there is none.
    pub(super) fn try_send(&self, notice: RuntimeNotice) -> bool {
        let sent = self.0.get().map(|listener| listener.try_send(notice));
        !matches!(sent, Some(Err(mpsc::error::TrySendError::Full(_))))
    }

    /// Tells it for certain, unless the engine ends.
    pub(super) async fn send(&self, notice: RuntimeNotice) {
        if let Some(listener) = self.0.get() {
            let _ = listener.send(notice).await;
        }
    }
}

/// What a sandbox said, for a message: its beginning, without what would steer a terminal.
pub(super) fn printable(text: &str, most_chars: usize) -> String {
    let plain = |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(most_chars).map(plain).collect()
}

/// Passes a stream on line by line. It never waits for the engine, and costs a small part of a processor, whatever is
/// printed: a sandbox that floods its log loses lines, and the log says how many.
pub(super) async fn forward(
    stream: Option<impl AsyncRead + Unpin>,
    level: LogLevel,
    sandbox_id: String,
    notices: Notices,
    last: LastLines,
) {
    let Some(mut stream) = stream else { return };
    let mut lines = Lines {
        level,
        sandbox_id,
        notices,
        last,
        pending: Vec::new(),
        budget: Budget::new(PASSED_PER_SECOND, PASSED_AT_ONCE),
        muted_until: None,
        dropped: 0,
    };
    let mut reading = Budget::new(READ_PER_SECOND, READ_PER_SECOND);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let wait = if lines.dropped > 0 { MUTED } else { Duration::MAX };
        let count = match tokio::time::timeout(wait, stream.read(&mut buffer)).await {
            Ok(Ok(count @ 1..)) => count,
            Ok(_) => break,
            Err(_) => {
                lines.tell_of_dropped();
                continue;
            }
        };
        let ended = lines.take(buffer.get(..count).unwrap_or_default());
        reading.take(count + ended * LINE_COST);
        if !reading.debt().is_zero() {
            tokio::time::sleep(reading.debt()).await;
        }
    }
    lines.end();
}

/// The lines of one stream on their way into the sandbox's log.
struct Lines {
    level: LogLevel,
    sandbox_id: String,
    notices: Notices,
    last: LastLines,
    /// A line whose end has not come yet.
    pending: Vec<u8>,
    budget: Budget,
    muted_until: Option<Instant>,
    dropped: u64,
}

impl Lines {
    /// Takes in what was read, and gives back how many lines came to their end in it.
    fn take(&mut self, read: &[u8]) -> usize {
        let mut ended = 0;
        for piece in read.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n");
            self.pending.extend_from_slice(text.unwrap_or(piece));
            while let Some(most) = self.pending.get(..MAX_LINE_BYTES).filter(|most| most.len() < self.pending.len()) {
                let rest = self.pending.split_off(whole_characters(most));
                ended += self.emit_pending();
                self.pending = rest;
            }
            if text.is_some() {
                ended += self.emit_pending();
            }
        }
        ended
    }

    fn emit_pending(&mut self) -> usize {
        let mut line = std::mem::take(&mut self.pending);
        self.emit(&line);
        line.clear();
        self.pending = line;
        1
    }

    fn end(&mut self) {
        if !self.pending.is_empty() {
            self.emit_pending();
        }
        self.tell_of_dropped();
    }

    fn emit(&mut self, bytes: &[u8]) {
        if self.muted_until.is_some_and(|until| Instant::now() >= until) {
            self.tell_of_dropped();
        }
        let line = String::from_utf8_lossy(bytes).into_owned();
        self.last.push(&line);
        let heard = self.muted_until.is_none() && self.budget.take(bytes.len() + LINE_COST);
        if !heard || !self.send(self.level, line) {
            self.dropped += 1;
            self.muted_until.get_or_insert_with(|| Instant::now() + MUTED);
        }
    }

    /// Listens again.
    fn tell_of_dropped(&mut self) {
        self.muted_until = None;
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let line = format!("{dropped} lines were dropped here: it printed more than its log takes");
            self.send(LogLevel::Warn, line);
        }
    }

    fn send(&self, level: LogLevel, line: String) -> bool {
        let (sandbox_id, time) = (self.sandbox_id.clone(), Timestamp::now());
        self.notices.try_send(RuntimeNotice::Output { sandbox_id, time, level, line })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// What reaches the engine of a stream, and how long that takes.
    async fn passed_on(printed: &[u8], room: usize) -> (Vec<String>, Duration, LastLines) {
        let (mut writer, reader) = tokio::io::duplex(64 * 1024);
        let (sender, mut told) = mpsc::channel(room);
        let (notices, last, begun) = (Notices::default(), LastLines::default(), Instant::now());
        notices.listen(sender);
        let forwarded =
            tokio::spawn(forward(Some(reader), LogLevel::Info, "sb-1".to_owned(), notices.clone(), last.clone()));
        writer.write_all(printed).await.unwrap();
        drop(writer);
        forwarded.await.unwrap();
        let took = begun.elapsed();
        drop(notices);
        let mut lines = Vec::new();
        while let Some(RuntimeNotice::Output { line, .. }) = told.recv().await {
            lines.push(line);
        }
        (lines, took, last)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_printed_arrives_line_by_line_and_the_last_one_without_its_end() {
        let (lines, took, _) = passed_on(b"one\n\ntwo\xff\0\nthree", 100).await;
        assert_eq!(lines, ["one", "", "two\u{fffd}\0", "three"]);
        assert_eq!(took, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_cut_and_the_log_says_how_many_lines_are_missing() {
        let (lines, took, last) = passed_on(&b"y\n".repeat(1_000_000), 1_000_000).await;
        let told: u64 =
            lines.iter().filter_map(|line| line.split_once(" lines were dropped here")?.0.parse::<u64>().ok()).sum();
        let passed = lines.iter().filter(|line| *line == "y").count() as u64;
        assert_eq!(passed + told, 1_000_000, "no line is missing without a word");
        let most = (took.as_secs_f64() + 3.0) * f64::from(PASSED_PER_SECOND) / 256.0;
        assert!((passed as f64) < most, "{passed} lines in {took:?}");
        assert!(took > Duration::from_secs(10), "whoever prints too much waits: {took:?}");
        assert_eq!(last.text(), "y | y | y | y | y");
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_without_an_end_is_passed_on_in_pieces() {
        let (lines, _, last) = passed_on(&vec![b'x'; 100_000], 1000).await;
        assert_eq!(lines.iter().map(String::len).sum::<usize>(), 100_000);
        assert!(lines.iter().all(|line| line.len() <= MAX_LINE_BYTES));
        assert!(last.text().len() < 3000, "diagnostics take little of it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_line_is_cut_between_characters_and_one_of_the_limit_is_not() {
        let (long, whole) = (format!("x{}", "\u{20ac}".repeat(5000)), "y".repeat(MAX_LINE_BYTES));
        let (lines, _, _) = passed_on(format!("{long}\n{whole}\nend\n").as_bytes(), 100).await;
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(lines[..2].concat(), long);
        assert_eq!(lines[2..], [whole, "end".to_owned()]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_does_not_listen_is_not_waited_for() {
        let (lines, took, _) = passed_on(&b"line\n".repeat(100), 10).await;
        assert_eq!((lines.len(), took), (10, Duration::ZERO));
    }

    #[test]
    fn nothing_in_a_message_steers_a_terminal() {
        assert_eq!(printable("\u{1b}[2Ja\tb\0\r\n", 100), "\u{fffd}[2Ja\tb\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(printable("abc", 2), "ab");
    }
}
