//! What a process has printed, kept up to a cap, and those who follow it.
//!
//! A process is slowed down while somebody who follows it has not read what would have to go; it runs free when nobody
//! follows, and when a follower has not read for a while. Whoever missed something is told how much.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::end::End;

/// What is kept of one process.
const CAP: usize = 4 * 1024 * 1024;
/// What is kept of all processes together, before each one is kept short.
pub(crate) const CAP_OF_ALL: usize = 64 * 1024 * 1024;
/// What is kept of one process then.
const SHORT_CAP: usize = 64 * 1024;
/// Pieces of one kind are put together up to this size.
const CHUNK: usize = 32 * 1024;
/// What a chunk costs beside its bytes, at most.
const CHUNK_COST: usize = 64;
/// How long a process waits for a follower that does not read.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stdout,
    Stderr,
    Pty,
}

/// What a follower gets next.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Output, of whole characters where it is text.
    Data(Kind, Vec<u8>),
    /// How the process ended, after all output; `lost` bytes of it were not kept for this follower.
    End { end: End, lost: u64 },
}

/// The memory that the outputs of all processes take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// In bytes.
    pub(crate) fn used(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The output of one process.
#[derive(Debug)]
pub(crate) struct Output {
    kept: Mutex<Kept>,
    budget: Budget,
    /// There is more, or the end.
    grown: Notify,
    /// A follower has read, or is gone.
    taken: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    chunks: VecDeque<Chunk>,
    cost: usize,
    /// How many bytes there were.
    length: u64,
    followers: BTreeMap<u64, Position>,
    next_follower: u64,
    end: Option<End>,
}

#[derive(Debug)]
struct Chunk {
    kind: Kind,
    /// How many bytes were before it.
    start: u64,
    bytes: Vec<u8>,
}

/// Where a follower is.
#[derive(Debug, Default)]
struct Position {
    next: u64,
    lost: u64,
    /// It did not read for so long that the process does not wait for it any more.
    is_stalled: bool,
}

impl Output {
    pub(crate) fn new(budget: Budget) -> Arc<Self> {
        Arc::new(Self { kept: Mutex::default(), budget, grown: Notify::new(), taken: Notify::new() })
    }

    /// Takes what was printed next: whole characters, where it is text. Waits while a follower needs the room.
    pub(crate) async fn push(&self, kind: Kind, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        loop {
            let taken = self.taken.notified();
            tokio::pin!(taken);
            taken.as_mut().enable();
            if self.try_push(kind, bytes) {
                return;
            }
            if tokio::time::timeout(PATIENCE, taken).await.is_err() {
                self.lock().give_up_on_the_slowest();
            }
        }
    }

    /// How it ended: nothing comes after it.
    pub(crate) fn finish(&self, end: End) {
        self.lock().end = Some(end);
        self.grown.notify_waiters();
    }

    /// How it ended, if it has.
    pub(crate) fn end(&self) -> Option<End> {
        self.lock().end.clone()
    }

    /// All that is kept of one kind.
    pub(crate) fn text(&self, kind: Kind) -> String {
        let kept = self.lock();
        let of_kind = kept.chunks.iter().filter(|chunk| chunk.kind == kind);
        let bytes: Vec<u8> = of_kind.flat_map(|chunk| chunk.bytes.iter().copied()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How many bytes from the beginning are not kept any more.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().first()
    }

    /// The memory that it takes, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.lock().cost
    }

    /// Follows it from the oldest byte that is kept.
    pub(crate) fn follow(self: &Arc<Self>) -> Follower {
        let mut kept = self.lock();
        let id = kept.next_follower;
        kept.next_follower += 1;
        let next = kept.first();
        kept.followers.insert(id, Position { next, ..Position::default() });
        Follower { output: self.clone(), id }
    }

    fn try_push(&self, kind: Kind, bytes: &[u8]) -> bool {
        let cap = if self.budget.used() > CAP_OF_ALL { SHORT_CAP } else { CAP };
        let mut kept = self.lock();
        let before = kept.cost;
        let has_room = kept.make_room(cap.saturating_sub(bytes.len() + CHUNK_COST));
        if has_room {
            kept.append(kind, bytes);
        }
        // Each output counts its own share only.
        self.budget.0.fetch_add(kept.cost, Ordering::Relaxed);
        self.budget.0.fetch_sub(before, Ordering::Relaxed);
        drop(kept);
        if has_room {
            self.grown.notify_waiters();
        }
        has_room
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.cost(), Ordering::Relaxed);
    }
}

impl Kept {
    /// Where the oldest byte is.
    fn first(&self) -> u64 {
        self.chunks.front().map_or(self.length, |chunk| chunk.start)
    }

    /// Drops the oldest chunks until no more than `most` is kept, unless somebody is still to read them.
    fn make_room(&mut self, most: usize) -> bool {
        while self.cost > most {
            let Some(oldest) = self.chunks.front() else { return true };
            let end = oldest.end();
            if self.followers.values().any(|follower| !follower.is_stalled && follower.next < end) {
                return false;
            }
            self.cost -= oldest.cost();
            self.chunks.pop_front();
        }
        true
    }

    fn append(&mut self, kind: Kind, bytes: &[u8]) {
        match self.chunks.back_mut() {
            Some(last) if last.kind == kind && last.bytes.len() + bytes.len() <= CHUNK => {
                last.bytes.extend_from_slice(bytes);
                self.cost += bytes.len();
            }
            _ => {
                let chunk = Chunk { kind, start: self.length, bytes: bytes.to_vec() };
                self.cost += chunk.cost();
                self.chunks.push_back(chunk);
            }
        }
        self.length += length(bytes);
    }

    fn give_up_on_the_slowest(&mut self) {
        let first_end = self.chunks.front().map_or(self.length, Chunk::end);
        for follower in self.followers.values_mut().filter(|follower| follower.next < first_end) {
            follower.is_stalled = true;
        }
    }

    fn take(&mut self, id: u64) -> Option<Piece> {
        let first = self.first();
        let follower = self.followers.get_mut(&id)?;
        follower.is_stalled = false;
        follower.lost += first.saturating_sub(follower.next);
        follower.next = follower.next.max(first);
        let index = self.chunks.partition_point(|chunk| chunk.end() <= follower.next);
        if let Some(chunk) = self.chunks.get(index) {
            let from = usize::try_from(follower.next - chunk.start).unwrap_or(usize::MAX);
            follower.next = chunk.end();
            return Some(Piece::Data(chunk.kind, chunk.bytes.get(from..).unwrap_or_default().to_vec()));
        }
        let lost = follower.lost;
        self.end.clone().map(|end| Piece::End { end, lost })
    }
}

impl Chunk {
    fn end(&self) -> u64 {
        self.start + length(&self.bytes)
    }

    fn cost(&self) -> usize {
        self.bytes.len() + CHUNK_COST
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Somebody who reads an output from the oldest byte on. While it lives, the process waits for it.
pub(crate) struct Follower {
    output: Arc<Output>,
    id: u64,
}

impl Follower {
    /// What comes next; after the end, the end again.
    pub(crate) async fn next(&mut self) -> Piece {
        loop {
            let grown = self.output.grown.notified();
            tokio::pin!(grown);
            grown.as_mut().enable();
            let piece = self.output.lock().take(self.id);
            if let Some(piece) = piece {
                self.output.taken.notify_waiters();
                return piece;
            }
            grown.await;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.output.lock().followers.remove(&self.id);
        self.output.taken.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn end() -> End {
        End { exit_code: 0, exited: true, status: "exit status 0".to_owned(), error: None, truncated: false }
    }

    async fn print(output: &Output, mebibytes: usize) {
        let piece = vec![b'x'; 16 * 1024];
        for _ in 0..mebibytes * 64 {
            output.push(Kind::Stdout, &piece).await;
        }
    }

    /// How many bytes came, and how many were lost.
    async fn read(mut follower: Follower) -> (usize, u64) {
        let mut count = 0;
        loop {
            match follower.next().await {
                Piece::Data(_, bytes) => count += bytes.len(),
                Piece::End { lost, .. } => return (count, lost),
            }
        }
    }

    #[tokio::test]
    async fn without_a_follower_the_newest_bytes_are_kept_and_nobody_waits() {
        let budget = Budget::default();
        let output = Output::new(budget.clone());
        print(&output, 10).await;
        output.finish(end());
        let (count, lost) = read(output.follow()).await;
        assert!((CAP - 2 * CHUNK..=CAP).contains(&count), "{count}");
        assert_eq!(lost, 0, "what was before is no loss of its own");
        assert_eq!(output.dropped() + u64::try_from(count).unwrap(), u64::try_from(10 * MIB).unwrap());
        assert!(budget.used() <= CAP);
        drop(output);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_follower_slows_the_process_and_loses_nothing() {
        let output = Output::new(Budget::default());
        let mut follower = output.follow();
        let printer = tokio::spawn({
            let output = output.clone();
            async move {
                print(&output, 10).await;
                output.finish(end());
            }
        });
        let mut count = 0;
        loop {
            tokio::time::sleep(PATIENCE / 2).await;
            match follower.next().await {
                Piece::Data(_, bytes) => count += bytes.len(),
                Piece::End { lost, .. } => break assert_eq!(lost, 0),
            }
        }
        assert_eq!(count, 10 * MIB);
        printer.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_that_never_reads_is_waited_for_no_longer_and_told_what_it_lost() {
        let output = Output::new(Budget::default());
        let follower = output.follow();
        let begun = tokio::time::Instant::now();
        print(&output, 10).await;
        output.finish(end());
        assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs(), "once, and not for each piece");
        let (count, lost) = read(follower).await;
        assert_eq!(u64::try_from(count).unwrap() + lost, u64::try_from(10 * MIB).unwrap());
        assert!(lost > 0);
    }

    #[tokio::test]
    async fn all_outputs_together_stay_near_their_cap() {
        let budget = Budget::default();
        let outputs: Vec<_> = (0..40).map(|_| Output::new(budget.clone())).collect();
        for output in &outputs {
            print(output, 5).await;
        }
        assert!(budget.used() <= CAP_OF_ALL + CAP + 40 * SHORT_CAP, "{}", budget.used());
        assert!(outputs.last().is_some_and(|last| last.cost() <= SHORT_CAP && last.cost() > 0));
    }

    #[tokio::test]
    async fn pieces_of_one_byte_cost_no_more_than_the_cap() {
        let output = Output::new(Budget::default());
        for _ in 0..CAP / 16 {
            output.push(Kind::Stdout, b"o").await;
            output.push(Kind::Stderr, b"e").await;
        }
        assert!(output.cost() <= CAP);
        assert!(output.lock().chunks.len() <= CAP / CHUNK_COST);
    }
}
