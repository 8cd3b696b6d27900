//! What a process has printed, as far as it is kept, and those who read it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::wire::OutputStream;

/// How much is kept of one process's output, in bytes: the newest.
pub const OUTPUT_KEPT: usize = 16 * 1024 * 1024;
/// What keeping a piece costs beside its bytes, about.
const PIECE_COST: usize = 64;
/// Pieces of one stream are put together up to this size.
const PIECE: usize = 32 * 1024;

/// What was printed in one go, without a character that is cut in two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPiece {
    /// Where to.
    pub stream: OutputStream,
    /// What.
    pub bytes: Vec<u8>,
}

/// The output of one process. Whoever reads it gets all of it: what fills it waits for them. With no reader it keeps the
/// newest and waits for nobody.
#[derive(Debug, Default)]
pub(super) struct Output {
    kept: Mutex<Kept>,
    grown: Notify,
    taken: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    pieces: VecDeque<OutputPiece>,
    /// How many pieces were dropped before the first one.
    dropped: u64,
    cost: usize,
    is_complete: bool,
    /// Which piece each reader gets next.
    readers: BTreeMap<u64, u64>,
    next_reader: u64,
}

impl Output {
    /// Takes what came next, once there is room for it.
    pub(super) async fn push(&self, stream: OutputStream, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        loop {
            let taken = self.taken.notified();
            tokio::pin!(taken);
            taken.as_mut().enable();
            if self.lock().make_room(bytes.len()) {
                break;
            }
            taken.await;
        }
        self.lock().append(stream, bytes);
        self.grown.notify_waiters();
    }

    /// Nothing comes any more.
    pub(super) fn complete(&self) {
        self.lock().is_complete = true;
        self.grown.notify_waiters();
    }

    /// All that is kept of one stream, and whether something before it was dropped.
    pub(super) fn text(&self, stream: OutputStream) -> (String, bool) {
        let kept = self.lock();
        let mut bytes = Vec::new();
        for piece in kept.pieces.iter().filter(|piece| piece.stream == stream) {
            bytes.extend_from_slice(&piece.bytes);
        }
        (String::from_utf8_lossy(&bytes).into_owned(), kept.dropped > 0)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn make_room(&mut self, length: usize) -> bool {
        while self.cost + length > OUTPUT_KEPT {
            let Some(oldest) = self.pieces.front() else { return true };
            if self.readers.values().any(|next| *next <= self.dropped) {
                return false;
            }
            self.cost -= oldest.bytes.len() + PIECE_COST;
            self.pieces.pop_front();
            self.dropped += 1;
        }
        true
    }

    fn append(&mut self, stream: OutputStream, bytes: Vec<u8>) {
        let end = self.end();
        // A reader may have had the last piece already.
        let is_unread = !self.readers.values().any(|next| *next == end);
        self.cost += bytes.len();
        match self.pieces.back_mut() {
            Some(last) if is_unread && last.stream == stream && last.bytes.len() + bytes.len() <= PIECE => {
                last.bytes.extend_from_slice(&bytes);
            }
            _ => {
                self.cost += PIECE_COST;
                self.pieces.push_back(OutputPiece { stream, bytes });
            }
        }
    }

    fn end(&self) -> u64 {
        self.dropped + u64::try_from(self.pieces.len()).unwrap_or(u64::MAX)
    }

    /// The next piece of a reader; `Some(None)` at the end.
    fn take(&mut self, reader: u64) -> Option<Option<OutputPiece>> {
        let dropped = self.dropped;
        let Some(next) = self.readers.get_mut(&reader) else { return Some(None) };
        let at = usize::try_from(next.saturating_sub(dropped)).unwrap_or(usize::MAX);
        match self.pieces.get(at) {
            Some(piece) => {
                *next += 1;
                Some(Some(piece.clone()))
            }
            None => self.is_complete.then_some(None),
        }
    }
}

/// Somebody who reads an output, from the oldest byte that is kept. Until it is dropped, nothing is dropped that it has
/// not read.
#[derive(Debug)]
pub struct OutputReader {
    output: Arc<Output>,
    id: u64,
}

impl OutputReader {
    pub(super) fn of(output: &Arc<Output>) -> Self {
        let mut kept = output.lock();
        let id = kept.next_reader;
        kept.next_reader += 1;
        let first = kept.dropped;
        kept.readers.insert(id, first);
        drop(kept);
        Self { output: Arc::clone(output), id }
    }

    /// The next piece; `None` once there comes nothing any more. A call that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<OutputPiece> {
        loop {
            let grown = self.output.grown.notified();
            tokio::pin!(grown);
            grown.as_mut().enable();
            let taken = self.output.lock().take(self.id);
            if let Some(piece) = taken {
                self.output.taken.notify_waiters();
                return piece;
            }
            grown.await;
        }
    }
}

impl Drop for OutputReader {
    fn drop(&mut self) {
        self.output.lock().readers.remove(&self.id);
        self.output.taken.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, timeout};

    use super::*;

    const MIB: usize = 1024 * 1024;

    async fn fill(output: &Output, mebibytes: usize) {
        for number in 0..mebibytes {
            let letter = b'a' + u8::try_from(number % 26).unwrap();
            output.push(OutputStream::Stdout, vec![letter; MIB]).await;
        }
    }

    #[tokio::test]
    async fn output_that_nobody_reads_is_bounded_and_waits_for_nobody() {
        let output = Output::default();
        fill(&output, 100).await;
        let (text, was_cut) = output.text(OutputStream::Stdout);
        assert!(was_cut && text.len() <= OUTPUT_KEPT && text.len() > OUTPUT_KEPT - 2 * MIB, "{}", text.len());
        assert!(text.ends_with('v'), "the newest is kept");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_gets_all_and_holds_back_what_fills() {
        let output = Arc::new(Output::default());
        let mut reader = OutputReader::of(&output);
        assert!(timeout(Duration::from_secs(1), fill(&output, 100)).await.is_err());
        let filling = tokio::spawn({
            let output = Arc::clone(&output);
            async move {
                fill(&output, 100).await;
                output.complete();
            }
        });
        let mut read = 0;
        while let Some(piece) = reader.next().await {
            read += piece.bytes.len();
        }
        filling.await.unwrap();
        assert!(read >= 100 * MIB, "{read}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_is_gone_holds_back_nothing() {
        let output = Output::default();
        let output = Arc::new(output);
        drop(OutputReader::of(&output));
        timeout(Duration::from_secs(1), fill(&output, 40)).await.unwrap();
    }

    #[tokio::test]
    async fn every_reader_gets_the_same_in_order() {
        let output = Arc::new(Output::default());
        let mut early = OutputReader::of(&output);
        output.push(OutputStream::Stdout, b"a".to_vec()).await;
        output.push(OutputStream::Stderr, b"b".to_vec()).await;
        output.push(OutputStream::Stdout, b"c".to_vec()).await;
        output.complete();
        let mut late = OutputReader::of(&output);
        for reader in [&mut early, &mut late] {
            let mut text = Vec::new();
            while let Some(piece) = reader.next().await {
                text.extend(piece.bytes);
            }
            assert_eq!(text, b"abc");
            assert_eq!(reader.next().await, None);
        }
    }
}
