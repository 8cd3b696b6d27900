//! Lines on their way to the file. Bounded: whoever adds a line never waits, and what has no room is counted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sandbar_protocol::LogLevel;
use tokio::sync::{Notify, watch};

use super::{ENGINE, Line};

/// What a line costs beside its bytes.
const LINE_COST: usize = 256;
/// What may wait of all sandboxes' output, and of one sandbox's: one that prints a lot leaves room to the others.
const MAX_BYTES: usize = 16 * 1024 * 1024;
const MAX_BYTES_OF_ONE: usize = MAX_BYTES / 4;
/// Lines of the engine itself are few, and have as much room again.
const MAX_BYTES_WITH_ENGINE: usize = 2 * MAX_BYTES;
/// The most lines of one batch.
const MAX_BATCH: usize = 256;
/// How long lines are gathered: a start has half a dozen, and each transaction costs as much as a start's own.
const GATHER: Duration = Duration::from_millis(20);

/// Many add lines, one writes them.
pub(super) struct Queue {
    state: Mutex<State>,
    /// For the writer: there is something to do.
    changed: Notify,
    /// The number of lines that are written.
    written: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Line>,
    /// What waits or was dropped, by sandbox; one of which nothing waits has no entry.
    backlogs: HashMap<String, Backlog>,
    /// What waits in all, a batch that is being written included.
    bytes: usize,
    /// The number of lines that were ever taken in.
    accepted: u64,
    /// Someone waits for the lines up to here.
    awaited: u64,
    is_closed: bool,
}

#[derive(Default)]
struct Backlog {
    bytes: usize,
    dropped: u64,
    dropped_at: Timestamp,
}

/// Lines to be written at once.
pub(super) struct Batch {
    pub(super) lines: Vec<Line>,
    end: u64,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), written: watch::Sender::new(0) }
    }

    /// Takes a line in, or counts it as dropped.
    pub(super) fn push(&self, line: Line) {
        self.lock().push(line);
        self.changed.notify_one();
    }

    /// The next lines, gathered for a moment unless someone waits for them. `None` once it is closed and empty.
    pub(super) async fn next(&self) -> Option<Batch> {
        while self.lock().is_idle() {
            self.changed.notified().await;
        }
        let due = async {
            while !self.lock().is_due() {
                self.changed.notified().await;
            }
        };
        let _ = tokio::time::timeout(GATHER, due).await;
        self.lock().take()
    }

    /// The lines of a batch are in the file.
    pub(super) fn has_written(&self, batch: Batch) {
        let mut state = self.lock();
        batch.lines.iter().for_each(|line| state.release(line));
        drop(state);
        self.written.send_replace(batch.end);
    }

    /// Waits until what was added of a sandbox so far is written.
    pub(super) async fn written(&self, sandbox_id: &str) {
        if self.lock().backlogs.contains_key(sandbox_id) {
            self.all_written().await;
        }
    }

    /// Waits until everything that was added so far is written.
    pub(super) async fn all_written(&self) {
        let end = {
            let mut state = self.lock();
            state.awaited = state.accepted;
            state.accepted
        };
        self.changed.notify_one();
        let _ = self.written.subscribe().wait_for(|written| *written >= end).await;
    }

    /// No line is added from here on.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, line: Line) {
        if self.is_closed {
            return;
        }
        let cost = cost(&line);
        let backlog = self.backlogs.entry(line.sandbox_id.clone()).or_default();
        let most = if line.source == ENGINE { MAX_BYTES_WITH_ENGINE } else { MAX_BYTES };
        let is_too_much_of_one = line.source != ENGINE && backlog.bytes + cost > MAX_BYTES_OF_ONE;
        if self.bytes + cost > most || is_too_much_of_one {
            backlog.dropped += 1;
            backlog.dropped_at = line.time;
            return;
        }
        let note = backlog.take_note(&line.sandbox_id);
        note.into_iter().chain([line]).for_each(|line| self.append(line));
    }

    fn append(&mut self, line: Line) {
        self.backlogs.entry(line.sandbox_id.clone()).or_default().bytes += cost(&line);
        self.bytes += cost(&line);
        self.accepted += 1;
        self.lines.push_back(line);
    }

    fn release(&mut self, line: &Line) {
        self.bytes -= cost(line);
        if let Some(backlog) = self.backlogs.get_mut(&line.sandbox_id) {
            backlog.bytes -= cost(line);
            if backlog.bytes == 0 && backlog.dropped == 0 {
                self.backlogs.remove(&line.sandbox_id);
            }
        }
    }

    fn take(&mut self) -> Option<Batch> {
        if self.lines.len() <= MAX_BATCH {
            // What was accepted before the lines that were dropped is in this batch.
            let notes: Vec<Line> = self.backlogs.iter_mut().filter_map(|(id, backlog)| backlog.take_note(id)).collect();
            notes.into_iter().for_each(|note| self.append(note));
        }
        let lines: Vec<Line> = self.lines.drain(..self.lines.len().min(MAX_BATCH)).collect();
        (!lines.is_empty()).then(|| Batch { lines, end: self.accepted - self.lines.len() as u64 })
    }

    /// There is nothing to write, and there may be later.
    fn is_idle(&self) -> bool {
        self.lines.is_empty() && !self.is_closed && self.backlogs.values().all(|backlog| backlog.dropped == 0)
    }

    /// A batch is full, or someone waits for it.
    fn is_due(&self) -> bool {
        let written = self.accepted - self.lines.len() as u64;
        self.lines.len() >= MAX_BATCH || self.awaited > written || self.is_closed
    }
}

impl Backlog {
    /// What the log says of the lines that were dropped, once.
    fn take_note(&mut self, sandbox_id: &str) -> Option<Line> {
        let dropped = std::mem::take(&mut self.dropped);
        (dropped > 0).then(|| Line {
            sandbox_id: sandbox_id.to_owned(),
            time: self.dropped_at,
            level: LogLevel::Warn,
            source: ENGINE,
            message: format!("{dropped} lines were dropped here: the log could not be written in time"),
        })
    }
}

fn cost(line: &Line) -> usize {
    line.message.len() + LINE_COST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sandbox_id: &str, source: &'static str, message: String) -> Line {
        let (sandbox_id, time) = (sandbox_id.to_owned(), Timestamp::UNIX_EPOCH);
        Line { sandbox_id, time, level: LogLevel::Info, source, message }
    }

    /// Everything that comes out, as `sandbox: message`.
    async fn drain(queue: &Queue) -> Vec<String> {
        queue.close();
        let mut lines = Vec::new();
        while let Some(batch) = queue.next().await {
            lines.extend(batch.lines.iter().map(|line| format!("{}: {}", line.sandbox_id, line.message)));
            queue.has_written(batch);
        }
        lines
    }

    #[tokio::test]
    async fn queue_counts_what_has_no_room_at_the_place_where_it_is_missing() {
        let queue = Queue::new();
        for _ in 0..10 {
            queue.push(line("sb-1", "runtime", "x".repeat(MAX_BYTES_OF_ONE / 4)));
        }
        assert!(queue.lock().bytes <= MAX_BYTES_OF_ONE);
        let batch = queue.next().await.unwrap();
        assert_eq!(batch.lines.iter().filter(|line| line.message.starts_with('x')).count(), 3);
        queue.has_written(batch);
        queue.push(line("sb-1", "runtime", "after".to_owned()));
        let lines = drain(&queue).await;
        assert_eq!(lines.last().map(String::as_str), Some("sb-1: after"));
        assert!(queue.lock().backlogs.is_empty() && queue.lock().bytes == 0);
    }

    #[tokio::test]
    async fn queue_keeps_room_for_other_sandboxes_and_for_the_engine() {
        let queue = Queue::new();
        for _ in 0..10_000 {
            queue.push(line("sb-loud", "runtime", "y".repeat(1000)));
        }
        queue.push(line("sb-calm", "runtime", "hello".to_owned()));
        for sandbox in 0..8 {
            (0..10_000).for_each(|_| queue.push(line(&format!("sb-{sandbox}"), "runtime", "z".repeat(1000))));
        }
        queue.push(line("sb-late", "runtime", "no room".repeat(1000)));
        queue.push(line("sb-loud", ENGINE, "paused".to_owned()));
        assert!(queue.lock().bytes <= MAX_BYTES + 2 * (LINE_COST + 100));
        let lines = drain(&queue).await;
        let of_loud: Vec<&String> = lines.iter().filter(|line| line.starts_with("sb-loud: ")).collect();
        let kept = of_loud.iter().filter(|line| line.ends_with('y')).count();
        let note = format!("sb-loud: {} lines were dropped here: the log could not be written in time", 10_000 - kept);
        assert_eq!(of_loud[kept..], [&note, "sb-loud: paused"]);
        assert!(lines.iter().any(|line| line == "sb-calm: hello"));
        assert!(lines.iter().any(|line| line.starts_with("sb-late: 1 lines were dropped here")));
    }

    #[tokio::test]
    async fn written_waits_for_the_lines_of_that_sandbox_alone() {
        let queue = Queue::new();
        queue.push(line("sb-1", "runtime", "one".to_owned()));
        queue.written("sb-2").await;
        let batch = queue.next().await.unwrap();
        let written = queue.written("sb-1");
        tokio::pin!(written);
        assert!(futures_util::poll!(&mut written).is_pending(), "it is not in the file yet");
        queue.has_written(batch);
        written.await;
    }
}
