//! The changes of records, told to whoever follows them.
//!
//! The last ones are kept once for all readers. A reader has nothing but its place among them: one that is slow loses
//! it, and costs neither the engine nor other readers anything.

pub(crate) mod event_stream;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::lifecycle::SandboxRecord;

/// What is kept for readers that are behind, or come back: so many changes, and so many bytes of them at most.
const MAX_CHANGES: usize = 1024;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A change of a sandbox's record.
pub struct Change {
    /// Counts the changes of all sandboxes.
    pub sequence: u64,
    /// As an event of a `text/event-stream`, with the record as lists show it: written once for all readers.
    pub event: Bytes,
    sandbox_id: String,
    project: Option<String>,
    metadata: BTreeMap<String, String>,
}

/// What to be told of.
#[derive(Clone, Debug, Default)]
pub struct ChangeFilter {
    /// Only this sandbox.
    pub sandbox_id: Option<String>,
    /// Only what was created in this project; `None` has them all.
    pub project: Option<String>,
    /// All of these pairs.
    pub metadata: Vec<(String, String)>,
}

impl ChangeFilter {
    fn wants(&self, change: &Change) -> bool {
        self.sandbox_id.iter().all(|id| *id == change.sandbox_id)
            && self.project.iter().all(|project| change.project.as_ref() == Some(project))
            && self.metadata.iter().all(|(key, value)| change.metadata.get(key) == Some(value))
    }
}

/// The changes of one engine.
#[derive(Clone)]
pub(crate) struct Changes {
    kept: Arc<Mutex<Kept>>,
    /// Wakes the readers that wait.
    news: watch::Sender<()>,
    closing: CancellationToken,
}

/// The last changes, without a gap.
struct Kept {
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
    /// The sequence of the last one.
    last: u64,
}

impl Changes {
    /// Readers end with `closing`.
    pub(crate) fn new(now: Timestamp, closing: CancellationToken) -> Self {
        // Begins at the time in microseconds, so that a sequence of an earlier engine is never taken for one of this.
        let last = now.as_microsecond().try_into().unwrap_or(0);
        let kept = Kept { changes: VecDeque::new(), bytes: 0, last };
        Self { kept: Arc::new(Mutex::new(kept)), news: watch::Sender::new(()), closing }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a record that the store has.
    pub(crate) fn publish(&self, record: &SandboxRecord) {
        let listed = record.listed();
        let text = match serde_json::to_vec(&listed) {
            Ok(text) => text,
            Err(error) => return tracing::error!(sandbox = record.id, "can't write a change: {error}"),
        };
        let mut kept = self.kept();
        let sequence = kept.last + 1;
        kept.add(Change {
            sequence,
            event: event_stream::sandbox(sequence, &text),
            sandbox_id: listed.sandbox_id,
            project: record.project.clone(),
            metadata: listed.metadata.unwrap_or_default(),
        });
        drop(kept);
        self.news.send_replace(());
    }

    /// Follows what comes from now on, or after a sequence that was seen before.
    pub(crate) fn follow(&self, filter: ChangeFilter, after: Option<u64>) -> Follower {
        let news = self.news.subscribe();
        let kept = self.kept();
        let seen = after.filter(|after| (kept.before_first()..=kept.last).contains(after));
        let missed = after.is_some() && seen.is_none();
        let place = seen.unwrap_or(kept.last);
        drop(kept);
        Follower { changes: self.clone(), news, filter, place, missed }
    }
}

impl Kept {
    fn add(&mut self, change: Change) {
        self.last = change.sequence;
        self.bytes += change.event.len();
        self.changes.push_back(Arc::new(change));
        while self.changes.len() > MAX_CHANGES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.changes.pop_front() else { return };
            self.bytes -= oldest.event.len();
        }
    }

    /// The sequence before the oldest one that is kept.
    fn before_first(&self) -> u64 {
        self.last - self.changes.len() as u64
    }

    /// The change after a place; `Err` is the place to go on from where it is not kept any more.
    fn after(&self, place: u64) -> Result<Option<Arc<Change>>, u64> {
        let skipped = place.checked_sub(self.before_first()).ok_or(self.last)?;
        Ok(usize::try_from(skipped).ok().and_then(|skipped| self.changes.get(skipped)).cloned())
    }
}

/// What a follower is told.
pub enum Told {
    /// A sandbox has changed.
    Change(Arc<Change>),
    /// Changes were missed: what is listed from now on is up to date.
    Missed,
}

/// A reader of changes.
pub struct Follower {
    changes: Changes,
    news: watch::Receiver<()>,
    filter: ChangeFilter,
    /// The sequence of the last change that was looked at.
    place: u64,
    missed: bool,
}

impl Follower {
    /// The sequence after which it goes on.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// What comes next, however long it takes; `None` once the engine shuts down. Given up, it loses nothing.
    pub async fn next(&mut self) -> Option<Told> {
        if std::mem::take(&mut self.missed) {
            return Some(Told::Missed);
        }
        while !self.changes.closing.is_cancelled() {
            // Not held while waiting.
            let next = self.changes.kept().after(self.place);
            match next {
                Ok(Some(change)) => {
                    self.place = change.sequence;
                    if self.filter.wants(&change) {
                        return Some(Told::Change(change));
                    }
                }
                Ok(None) => tokio::select! {
                    changed = self.news.changed() => changed.ok()?,
                    () = self.changes.closing.cancelled() => {}
                },
                Err(last) => {
                    self.place = last;
                    return Some(Told::Missed);
                }
            }
        }
        None
    }
}
