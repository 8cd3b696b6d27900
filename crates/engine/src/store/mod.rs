//! Where records live. The store is the only truth: nothing is acknowledged before it is in here.

mod cached;
mod sqlite;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
pub(crate) use cached::CachedStore;
use jiff::Timestamp;
use sandbar_protocol::{InternalState, PublicState};
pub use sqlite::SqliteStore;
use sqlx::migrate::MigrateError;

use crate::clock::before;
use crate::lifecycle::SandboxRecord;
use crate::set_aside::set_aside;
use crate::sqlite_file;

/// Keeps records.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Adds a record and its idempotency key in one transaction, unless the key is in use.
    async fn create(&self, record: &SandboxRecord, key: Option<&IdempotencyKey>) -> Result<Created, StoreError>;

    /// What the key was used for: [`Created::Repeat`] or [`Created::KeyReused`]; `None` if it is free.
    async fn created_with(&self, key: &IdempotencyKey) -> Result<Option<Created>, StoreError>;

    /// Keeps a key of a request on a sandbox that is there; one that is in use stays as it is.
    async fn keep_key(&self, key: &IdempotencyKey, sandbox_id: &str) -> Result<(), StoreError>;

    /// Replaces a record.
    async fn save(&self, record: &SandboxRecord) -> Result<(), StoreError>;

    /// Reads a record.
    async fn load(&self, id: &str) -> Result<Option<SandboxRecord>, StoreError>;

    /// A page, newest first.
    async fn list(&self, filter: &ListFilter) -> Result<Page, StoreError>;

    /// How many are in each of these states.
    async fn count(&self, states: &[InternalState]) -> Result<u64, StoreError>;

    /// All records, tombstones included. What can't be read is quarantined: it is in no answer until a later start reads it.
    async fn recover(&self) -> Result<Recovered, StoreError>;

    /// Removes tombstones and idempotency keys made before `time`; gives back whose tombstones they were.
    async fn forget_before(&self, time: Timestamp) -> Result<Vec<String>, StoreError>;

    /// Whether records can be read, and written as any other.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Writes everything out and closes.
    async fn close(&self);
}

/// How long a repeated request is answered with the first result.
const KEY_KEPT: Duration = Duration::from_secs(24 * 3600);

/// What makes a repeated create or connect the same one.
///
/// A key is in use for 24 hours, and as long as the sandbox of its first request is not deleted; then it is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The project of the request, which the key belongs to.
    pub project: Option<String>,
    /// The client's key.
    pub key: String,
    /// A hash of the request.
    pub body_hash: [u8; 32],
    /// When the request came.
    pub received_at: Timestamp,
}

impl IdempotencyKey {
    /// What was kept before is free.
    pub fn kept_since(&self) -> Timestamp {
        before(self.received_at, KEY_KEPT)
    }
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

/// What an earlier engine left in the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovered {
    /// Newest first.
    pub records: Vec<SandboxRecord>,
    /// What is in quarantine.
    pub unreadable: Vec<UnreadableRecord>,
}

/// A record that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRecord {
    /// Whose it is.
    pub id: String,
    /// Why.
    pub reason: String,
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
    #[error("the record of sandbox {} can't be read: {}", .0.id, .0.reason)]
    Unreadable(UnreadableRecord),
    /// A record can't be written as text.
    #[error("a record can't be written: {0}")]
    Record(#[from] serde_json::Error),
    /// The file is no database, or not a whole one.
    #[error(
        "{file} is damaged ({source}): restore it from a backup, or start without its sandboxes, whose files are kept in \
         {folder}/set-aside: mkdir -p {folder}/set-aside && mv {file}* {folder}/set-aside/",
        file = file.display(),
        folder = file.parent().unwrap_or(Path::new(".")).display()
    )]
    Damaged {
        /// The database.
        file: PathBuf,
        /// What SQLite says.
        source: sqlx::Error,
    },
    /// A later version has changed the schema.
    #[error(
        "{} was written by a later version of sandbar (schema {schema}): start that version, or choose another folder with \
         --data-dir",
        file.display()
    )]
    Newer {
        /// The database.
        file: PathBuf,
        /// The schema that this version does not know.
        schema: i64,
    },
    /// What is left of a database can't be moved out of the way.
    #[error("{} can't be set aside: {source}", file.display())]
    SetAside {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Moves a database's file out of the way.
pub(crate) fn set_database_aside(file: &Path) -> Result<PathBuf, StoreError> {
    let data_dir = file.parent().unwrap_or(Path::new("."));
    set_aside(data_dir, file).map_err(|source| StoreError::SetAside { file: file.to_owned(), source })
}

impl StoreError {
    /// Whether the store was closed, as it is at the engine's end.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::PoolClosed))
    }

    /// Whether the disk has no room.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.source_error().is_some_and(sqlite_file::is_disk_full)
    }

    /// The error of a database that is opened or read as a whole, with what it says about its file.
    pub(crate) fn of_file(self, file: &Path) -> Self {
        let file = file.to_owned();
        match self {
            Self::Migration(MigrateError::VersionMissing(schema)) => Self::Newer { file, schema },
            Self::Database(source) | Self::Migration(MigrateError::Execute(source))
                if sqlite_file::is_damaged(&source) =>
            {
                Self::Damaged { file, source }
            }
            other => other,
        }
    }

    fn source_error(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Database(source) | Self::Migration(MigrateError::Execute(source)) => Some(source),
            _ => None,
        }
    }
}
