use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use sandbar_protocol::InternalState;

use super::{Created, IdempotencyKey, ListFilter, Page, Recovered, Store, StoreError};
use crate::lifecycle::SandboxRecord;

/// How many records are kept: those that are asked for over and over are few.
const MAX_RECORDS: usize = 256;

/// A store that keeps in memory what was read, for requests to sandboxes, which come by the thousand.
///
/// All writes must go through it, those of one record one after the other. From the beginning of a write to its end its
/// record is read anew each time; so it is after one that was given up, until the next.
pub(crate) struct CachedStore {
    store: Arc<dyn Store>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    records: HashMap<String, Arc<SandboxRecord>>,
    /// Records of which a write has begun, and not come to its end.
    written: HashSet<String>,
    /// Counts the beginnings and ends of writes: what was read across one may be old.
    changes: u64,
}

impl CachedStore {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries a write of one record out.
    async fn writing<T>(&self, id: &str, write: impl Future<Output = T>) -> T {
        self.held().begin(id);
        // If it is dropped in here, it may still reach the disk, whenever that is.
        let written = write.await;
        self.held().end(id);
        written
    }

    /// What is kept of a record, or else the count of changes before it is read.
    fn kept(&self, id: &str) -> Result<Arc<SandboxRecord>, u64> {
        let held = self.held();
        held.records.get(id).cloned().ok_or(held.changes)
    }
}

impl Held {
    fn begin(&mut self, id: &str) {
        self.changes += 1;
        self.records.remove(id);
        self.written.insert(id.to_owned());
    }

    fn end(&mut self, id: &str) {
        self.changes += 1;
        self.written.remove(id);
    }

    fn keep(&mut self, record: &SandboxRecord, changes: u64) {
        if self.changes != changes || self.written.contains(&record.id) {
            return;
        }
        if self.records.len() == MAX_RECORDS {
            self.records.clear();
        }
        self.records.insert(record.id.clone(), Arc::new(record.clone()));
    }
}

#[async_trait]
impl Store for CachedStore {
    async fn create(&self, record: &SandboxRecord, key: Option<&IdempotencyKey>) -> Result<Created, StoreError> {
        self.writing(&record.id, self.store.create(record, key)).await
    }

    async fn created_with(&self, key: &IdempotencyKey) -> Result<Option<Created>, StoreError> {
        self.store.created_with(key).await
    }

    async fn keep_key(&self, key: &IdempotencyKey, sandbox_id: &str) -> Result<(), StoreError> {
        self.store.keep_key(key, sandbox_id).await
    }

    async fn save(&self, record: &SandboxRecord) -> Result<(), StoreError> {
        self.writing(&record.id, self.store.save(record)).await
    }

    async fn load(&self, id: &str) -> Result<Option<SandboxRecord>, StoreError> {
        let changes = match self.kept(id) {
            Ok(record) => return Ok(Some(record.as_ref().clone())),
            Err(changes) => changes,
        };
        let loaded = self.store.load(id).await?;
        if let Some(record) = &loaded {
            self.held().keep(record, changes);
        }
        Ok(loaded)
    }

    async fn list(&self, filter: &ListFilter) -> Result<Page, StoreError> {
        self.store.list(filter).await
    }

    async fn count(&self, states: &[InternalState]) -> Result<u64, StoreError> {
        self.store.count(states).await
    }

    async fn recover(&self) -> Result<Recovered, StoreError> {
        self.store.recover().await
    }

    async fn forget_before(&self, time: Timestamp) -> Result<Vec<String>, StoreError> {
        let forgotten = self.store.forget_before(time).await;
        // Also if it failed, as it may have come half the way.
        let mut held = self.held();
        held.changes += 1;
        held.records.clear();
        forgotten
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.store.probe().await
    }

    async fn close(&self) {
        self.held().records.clear();
        self.store.close().await;
    }
}

#[cfg(test)]
mod tests {
    use sandbar_protocol::{CreateOptions, Secret};
    use serde_json::json;

    use super::*;
    use crate::lifecycle::NewSandbox;
    use crate::templates::Templates;

    async fn record(id: &str) -> SandboxRecord {
        let options = CreateOptions::from_json(&json!({})).unwrap_or_default();
        let folder = std::env::temp_dir();
        let template = Templates::in_data_dir(&folder).find("base").await.expect("it is built in");
        let new = NewSandbox { id: id.to_owned(), token: Secret::new("t"), options, template, project: None };
        SandboxRecord::create(new, Timestamp::UNIX_EPOCH).record
    }

    #[tokio::test]
    async fn what_was_read_is_kept_until_it_is_written() {
        let (mut held, record) = (Held::default(), record("sb-a").await);
        held.keep(&record, held.changes);
        assert!(held.records.contains_key("sb-a"));
        held.begin("sb-a");
        assert!(held.records.is_empty());
    }

    #[tokio::test]
    async fn what_was_read_across_the_begin_or_the_end_of_a_write_is_not_kept() {
        let (mut held, record) = (Held::default(), record("sb-a").await);
        let before = held.changes;
        held.begin("sb-a");
        held.keep(&record, before);
        let meanwhile = held.changes;
        held.keep(&record, meanwhile);
        held.end("sb-a");
        held.keep(&record, meanwhile);
        assert!(held.records.is_empty());
        held.keep(&record, held.changes);
        assert_eq!(held.records.len(), 1);
    }

    #[tokio::test]
    async fn the_record_of_a_write_that_was_given_up_is_not_kept() {
        let (mut held, record) = (Held::default(), record("sb-a").await);
        held.begin("sb-a");
        held.begin("sb-b");
        held.end("sb-b");
        held.keep(&record, held.changes);
        assert!(held.records.is_empty());
    }
}
