//! Where records live. The store is the only truth: nothing is acknowledged before it is in here.

mod cached;
mod sqlite;

use async_trait::async_trait;
pub(crate) use cached::CachedStore;
use jiff::Timestamp;
use sandbar_protocol::{InternalState, PublicState};
pub use sqlite::SqliteStore;

use crate::lifecycle::SandboxRecord;

/// Keeps records.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Adds a record and its idempotency key in one transaction, unless the key is known.
    async fn create(&self, record: &SandboxRecord, key: Option<&IdempotencyKey>) -> Result<Created, StoreError>;

    /// What the key was used for: [`Created::Repeat`] or [`Created::KeyReused`]; `None` if it is new.
    async fn created_with(&self, key: &IdempotencyKey) -> Result<Option<Created>, StoreError>;

    /// Keeps a key of a request on a sandbox that is there; one that is known stays as it is.
    async fn keep_key(&self, key: &IdempotencyKey, sandbox_id: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Replaces a record.
    async fn save(&self, record: &SandboxRecord) -> Result<(), StoreError>;

    /// Reads a record.
    async fn load(&self, id: &str) -> Result<Option<SandboxRecord>, StoreError>;

    /// A page, newest first.
    async fn list(&self, filter: &ListFilter) -> Result<Page, StoreError>;

    /// How many are in each of these states.
    async fn count(&self, states: &[InternalState]) -> Result<u64, StoreError>;

    /// Removes tombstones and idempotency keys made before `time`; gives back whose tombstones they were.
    async fn forget_before(&self, time: Timestamp) -> Result<Vec<String>, StoreError>;

    /// Whether records can be read and written.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Writes everything out and closes.
    async fn close(&self);
}

/// What makes a repeated create or connect the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The client's key.
    pub key: String,
    /// A hash of the request.
    pub body_hash: [u8; 32],
}

/// What became of a create.
#[derive(Clone, Debug, PartialEq)]
pub enum Created {
    /// The record is stored.
    New,
    /// The key was used by the same request: this sandbox was its result.
    Repeat(String),
    /// The key was used by another request.
    KeyReused,
}

/// What to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListFilter {
    /// Only these states.
    pub states: Vec<InternalState>,
    /// Only what was created in this project; `None` has them all.
    pub project: Option<String>,
    /// All of these pairs.
    pub metadata: Vec<(String, String)>,
    /// No tombstones made before; `None` has them all.
    pub tombstones_since: Option<Timestamp>,
    /// How many to skip.
    pub offset: u64,
    /// How many to give.
    pub limit: u64,
}

impl ListFilter {
    /// The internal states behind public ones; none given means all but the deleted.
    pub fn states_of(public: &[PublicState]) -> Vec<InternalState> {
        let asked = |state: PublicState| match public {
            [] => state != PublicState::Deleted,
            _ => public.iter().any(|word| *word == state || (word.is_failed() && state.is_failed())),
        };
        InternalState::ALL.into_iter().filter(|state| asked(state.public())).collect()
    }
}

/// A page of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Newest first.
    pub records: Vec<SandboxRecord>,
    /// Whether there are more behind it.
    pub has_next: bool,
}

/// The store is broken: no fault of the caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused.
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the store's schema could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A record can't be read.
    #[error("the store holds a record that can't be read: {0}")]
    Record(#[from] serde_json::Error),
}

impl StoreError {
    /// Whether the store was closed, as it is at the engine's end.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::PoolClosed))
    }
}
