use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use jiff::Timestamp;
use sandbar_engine::lifecycle::SandboxRecord;
use sandbar_engine::logs::{Line, Logs, LogsError};
use sandbar_engine::store::{Created, IdempotencyKey, ListFilter, Page, Recovered, Store, StoreError};
use sandbar_protocol::{InternalState, LogsQuery, PublicState, SandboxLogs};

/// Records in memory: no thread of another's making stands between the test and its clock.
#[derive(Default)]
pub struct MemoryStore {
    held: Mutex<Held>,
    /// Records can be read, and not written.
    pub locked: AtomicBool,
}

#[derive(Default)]
struct Held {
    /// In the order of their creation.
    records: Vec<SandboxRecord>,
    keys: HashMap<(Option<String>, String), (IdempotencyKey, String)>,
}

impl MemoryStore {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    fn check(&self) -> Result<(), StoreError> {
        let locked = self.locked.load(Ordering::Relaxed);
        if locked { Err(StoreError::Database(sqlx::Error::PoolTimedOut)) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, record: &SandboxRecord, key: Option<&IdempotencyKey>) -> Result<Created, StoreError> {
        self.check()?;
        if let Some(key) = key
            && let Some(created) = self.created_with(key).await?
        {
            return Ok(created);
        }
        let mut held = self.held();
        if let Some(key) = key {
            held.keys.insert((key.project.clone(), key.key.clone()), (key.clone(), record.id.clone()));
        }
        held.records.push(record.clone());
        Ok(Created::New)
    }

    async fn created_with(&self, key: &IdempotencyKey) -> Result<Option<Created>, StoreError> {
        let held = self.held();
        let Some((known, id)) = held.keys.get(&(key.project.clone(), key.key.clone())) else { return Ok(None) };
        let is_live = |record: &&SandboxRecord| record.id == *id && record.state.public() != PublicState::Deleted;
        if known.received_at < key.kept_since() || !held.records.iter().any(|record| is_live(&record)) {
            return Ok(None);
        }
        let same = known.body_hash == key.body_hash;
        Ok(Some(if same { Created::Repeat(id.clone()) } else { Created::KeyReused }))
    }

    async fn keep_key(&self, key: &IdempotencyKey, sandbox_id: &str) -> Result<(), StoreError> {
        if self.created_with(key).await?.is_none() {
            let value = (key.clone(), sandbox_id.to_owned());
            self.held().keys.insert((key.project.clone(), key.key.clone()), value);
        }
        Ok(())
    }

    async fn save(&self, record: &SandboxRecord) -> Result<(), StoreError> {
        self.check()?;
        let mut held = self.held();
        if let Some(held) = held.records.iter_mut().find(|held| held.id == record.id) {
            *held = record.clone();
        }
        Ok(())
    }

    async fn load(&self, id: &str) -> Result<Option<SandboxRecord>, StoreError> {
        Ok(self.held().records.iter().find(|record| record.id == id).cloned())
    }

    async fn list(&self, filter: &ListFilter) -> Result<Page, StoreError> {
        let wanted = |record: &&SandboxRecord| {
            filter.states.contains(&record.state)
                && filter.project.iter().all(|project| record.project.as_ref() == Some(project))
                && filter.metadata.iter().all(|(key, value)| record.metadata.get(key) == Some(value))
                && filter.tombstones_since.is_none_or(|since| record.tombstone_since().is_none_or(|at| at >= since))
        };
        let held = self.held();
        let mut records: Vec<SandboxRecord> =
            held.records.iter().rev().filter(wanted).skip(usize::try_from(filter.offset).unwrap()).cloned().collect();
        let limit = usize::try_from(filter.limit).unwrap();
        let has_next = records.len() > limit;
        records.truncate(limit);
        Ok(Page { records, has_next })
    }

    async fn count(&self, states: &[InternalState]) -> Result<u64, StoreError> {
        Ok(self.held().records.iter().filter(|record| states.contains(&record.state)).count() as u64)
    }

    async fn recover(&self) -> Result<Recovered, StoreError> {
        let records = self.held().records.iter().rev().cloned().collect();
        Ok(Recovered { records, unreadable: Vec::new() })
    }

    async fn forget_before(&self, time: Timestamp) -> Result<Vec<String>, StoreError> {
        let old = |record: &SandboxRecord| record.tombstone_since().is_some_and(|since| since < time);
        let mut held = self.held();
        let forgotten = held.records.iter().filter(|record| old(record)).map(|record| record.id.clone()).collect();
        held.records.retain(|record| !old(record));
        Ok(forgotten)
    }

    async fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}
}

/// Keeps no line.
pub struct NoLogs;

#[async_trait]
impl Logs for NoLogs {
    fn add(&self, _line: Line) {}

    async fn read(&self, _sandbox_id: &str, _query: &LogsQuery) -> Result<SandboxLogs, LogsError> {
        Ok(SandboxLogs::default())
    }

    async fn sandbox_ids(&self) -> Result<Vec<String>, LogsError> {
        Ok(Vec::new())
    }

    async fn forget(&self, _sandbox_ids: &[String]) -> Result<(), LogsError> {
        Ok(())
    }

    async fn close(&self) {}
}
