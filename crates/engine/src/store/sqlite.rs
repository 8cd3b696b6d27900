use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use sandbar_protocol::InternalState;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, Transaction};

use super::{
    Created, IdempotencyKey, ListFilter, Page, Recovered, Store, StoreError, UnreadableRecord, set_database_aside,
};
use crate::lifecycle::SandboxRecord;
use crate::migrations::migrate_store;
use crate::reserve::Reserve;
use crate::sqlite_file;

/// Records in one SQLite file, in WAL mode.
pub struct SqliteStore {
    pool: SqlitePool,
    file: PathBuf,
    /// Room for what happens to sandboxes that are there; new ones get none of it.
    reserve: Reserve,
}

impl SqliteStore {
    /// Opens the file, making it if there is none, and brings its schema up to date.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        set_lost_log_aside(file)?;
        let reserve = Reserve::open(file.with_extension("reserve"));
        let pool = with_reserve(&reserve, || open(file)).await.map_err(|error| error.of_file(file))?;
        Ok(Self { pool, file: file.to_owned(), reserve })
    }

    /// Writes what happened to a sandbox that is there: on a full disk as well.
    async fn write<T, F>(&self, write: impl Fn() -> F + Send) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        with_reserve(&self.reserve, write).await
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        // At once for writing: one that began as a reader may find that another has written since.
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    async fn update(&self, record: &SandboxRecord) -> Result<(), StoreError> {
        sqlx::query("UPDATE sandboxes SET state = ?, record = ?, deleted_ms = ? WHERE id = ?")
            .bind(record.state.as_str())
            .bind(serde_json::to_string(record)?)
            .bind(record.tombstone_since().map(Timestamp::as_millisecond))
            .bind(&record.id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn keep_free_key(&self, key: &IdempotencyKey, sandbox_id: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        if find_key(&mut *transaction, key).await?.is_none() {
            put_key(&mut *transaction, key, sandbox_id).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn read_all(&self) -> Result<Recovered, StoreError> {
        let mut transaction = self.begin().await?;
        release_quarantined(&mut transaction).await?;
        let query = "SELECT seq, CAST(id AS BLOB) AS id, record FROM sandboxes ORDER BY seq DESC";
        let rows = sqlx::query(query).fetch_all(&mut *transaction).await?;
        let mut recovered = Recovered::default();
        for row in &rows {
            match read(row) {
                Ok(record) => recovered.records.push(record),
                Err(StoreError::Unreadable(unreadable)) => {
                    quarantine(&mut transaction, row.try_get("seq")?, &unreadable.reason).await?;
                    recovered.unreadable.push(unreadable);
                }
                Err(error) => return Err(error),
            }
        }
        transaction.commit().await?;
        Ok(recovered)
    }
}

async fn open(file: &Path) -> Result<SqlitePool, StoreError> {
    // Writers take turns in SQLite anyway; a few readers go beside them.
    let pool = sqlite_file::open(file, 4).await?;
    migrate_store(&pool).await?;
    Ok(pool)
}

/// SQLite deletes a write-ahead log that has lost its database, and all that is in it.
fn set_lost_log_aside(file: &Path) -> Result<(), StoreError> {
    let is_empty = |file: &Path| std::fs::metadata(file).map_or(true, |metadata| metadata.len() == 0);
    let log = sqlite_file::write_ahead_log(file);
    if is_empty(file) && !is_empty(&log) {
        let place = set_database_aside(&log)?;
        tracing::error!("the database was lost, what was left of it is now {}", place.display());
    }
    Ok(())
}

/// Repeats a write that finds the disk full for as long as the reserve has room for it.
async fn with_reserve<T, F>(reserve: &Reserve, write: impl Fn() -> F + Send) -> Result<T, StoreError>
where
    T: Send,
    F: Future<Output = Result<T, StoreError>> + Send,
{
    loop {
        match write().await {
            Err(error) if error.is_disk_full() && reserve.give_up() => {}
            Ok(written) => {
                reserve.fill();
                return Ok(written);
            }
            error => return error,
        }
    }
}

/// The record of a row that has `id` and `record`.
fn read(row: &SqliteRow) -> Result<SandboxRecord, StoreError> {
    let id = String::from_utf8_lossy(row.try_get("id")?).into_owned();
    let record = row.try_get::<&[u8], _>("record").map_err(|error| error.to_string());
    let record = record.and_then(|text| serde_json::from_slice(text).map_err(|error| error.to_string()));
    match record {
        Ok(SandboxRecord { id: named, .. }) if named != id => {
            let reason = format!("it is the record of sandbox {named}");
            Err(StoreError::Unreadable(UnreadableRecord { id, reason }))
        }
        Ok(record) => Ok(record),
        Err(reason) => Err(StoreError::Unreadable(UnreadableRecord { id, reason })),
    }
}

async fn quarantine(connection: &mut SqliteConnection, seq: i64, reason: &str) -> Result<(), StoreError> {
    let text = "INSERT INTO quarantined_sandboxes (seq, id, state, record, deleted_ms, reason) \
                SELECT seq, id, state, record, deleted_ms, ? FROM sandboxes WHERE seq = ?";
    sqlx::query(text).bind(reason).bind(seq).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM sandboxes WHERE seq = ?").bind(seq).execute(&mut *connection).await?;
    Ok(())
}

/// Another version may read what the last one could not.
async fn release_quarantined(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let text = "INSERT INTO sandboxes (seq, id, state, record, deleted_ms) \
                SELECT seq, id, state, record, deleted_ms FROM quarantined_sandboxes";
    sqlx::query(text).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM quarantined_sandboxes").execute(&mut *connection).await?;
    Ok(())
}

/// What the key is in use for.
async fn find_key(
    executor: impl sqlx::SqliteExecutor<'_>,
    key: &IdempotencyKey,
) -> Result<Option<Created>, StoreError> {
    // A sandbox that is deleted frees its key.
    let text = "SELECT body_hash, sandbox_id FROM idempotency_keys WHERE project = ? AND key = ? AND created_ms >= ? \
                AND NOT EXISTS (SELECT 1 FROM sandboxes WHERE id = sandbox_id AND state IN (?, ?))";
    let query = sqlx::query(text)
        .bind(key.project.as_deref().unwrap_or_default())
        .bind(&key.key)
        .bind(key.kept_since().as_millisecond())
        .bind(InternalState::Destroying.as_str())
        .bind(InternalState::Destroyed.as_str());
    let Some(row) = query.fetch_optional(executor).await? else { return Ok(None) };
    let same = row.try_get::<&[u8], _>("body_hash")? == key.body_hash;
    Ok(Some(if same { Created::Repeat(row.try_get("sandbox_id")?) } else { Created::KeyReused }))
}

/// Keeps a key that is free.
async fn put_key(
    executor: impl sqlx::SqliteExecutor<'_>,
    key: &IdempotencyKey,
    sandbox_id: &str,
) -> Result<(), StoreError> {
    let text = "INSERT OR REPLACE INTO idempotency_keys (project, key, body_hash, sandbox_id, created_ms) \
                VALUES (?, ?, ?, ?, ?)";
    let query = sqlx::query(text)
        .bind(key.project.as_deref().unwrap_or_default())
        .bind(&key.key)
        .bind(&key.body_hash[..])
        .bind(sandbox_id)
        .bind(key.received_at.as_millisecond());
    query.execute(executor).await?;
    Ok(())
}

fn push_states(query: &mut QueryBuilder<Sqlite>, states: &[InternalState]) {
    query.push("state IN (");
    let mut list = query.separated(", ");
    for state in states {
        list.push_bind(state.as_str());
    }
    query.push(")");
}

#[async_trait]
impl Store for SqliteStore {
    async fn create(&self, record: &SandboxRecord, key: Option<&IdempotencyKey>) -> Result<Created, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(known) = key {
            if let Some(created) = find_key(&mut *transaction, known).await? {
                return Ok(created);
            }
            put_key(&mut *transaction, known, &record.id).await?;
        }
        sqlx::query("INSERT INTO sandboxes (id, state, record) VALUES (?, ?, ?)")
            .bind(&record.id)
            .bind(record.state.as_str())
            .bind(serde_json::to_string(record)?)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Created::New)
    }

    async fn created_with(&self, key: &IdempotencyKey) -> Result<Option<Created>, StoreError> {
        find_key(&self.pool, key).await
    }

    async fn keep_key(&self, key: &IdempotencyKey, sandbox_id: &str) -> Result<(), StoreError> {
        self.write(|| self.keep_free_key(key, sandbox_id)).await
    }

    async fn save(&self, record: &SandboxRecord) -> Result<(), StoreError> {
        self.write(|| self.update(record)).await
    }

    async fn load(&self, id: &str) -> Result<Option<SandboxRecord>, StoreError> {
        let query = sqlx::query("SELECT id, record FROM sandboxes WHERE id = ?").bind(id);
        if let Some(row) = query.fetch_optional(&self.pool).await? {
            return read(&row).map(Some);
        }
        let query = sqlx::query("SELECT reason FROM quarantined_sandboxes WHERE id = ?").bind(id);
        match query.fetch_optional(&self.pool).await? {
            Some(row) => {
                let reason = row.try_get("reason")?;
                Err(StoreError::Unreadable(UnreadableRecord { id: id.to_owned(), reason }))
            }
            None => Ok(None),
        }
    }

    async fn list(&self, filter: &ListFilter) -> Result<Page, StoreError> {
        // Inside, an index has what is sorted and skipped; records are read for the page alone.
        let page = "SELECT id, record FROM sandboxes WHERE seq IN (SELECT seq FROM sandboxes WHERE ";
        let mut query = QueryBuilder::new(page);
        push_states(&mut query, &filter.states);
        let has_tombstones = filter.states.contains(&InternalState::Destroyed);
        if let Some(since) = filter.tombstones_since.filter(|_| has_tombstones) {
            query.push(" AND (deleted_ms IS NULL OR deleted_ms >= ").push_bind(since.as_millisecond()).push(")");
        }
        if let Some(project) = &filter.project {
            query.push(" AND json_extract(record, '$.project') = ").push_bind(project);
        }
        for (key, value) in &filter.metadata {
            query.push(" AND EXISTS (SELECT 1 FROM json_each(record, '$.metadata') AS pair WHERE pair.key = ");
            query.push_bind(key).push(" AND pair.value = ").push_bind(value).push(")");
        }
        // One more than asked for tells whether there is a next page.
        let limit = i64::try_from(filter.limit.saturating_add(1)).unwrap_or(i64::MAX);
        query.push(" ORDER BY seq DESC LIMIT ").push_bind(limit);
        query.push(" OFFSET ").push_bind(i64::try_from(filter.offset).unwrap_or(i64::MAX));
        query.push(") ORDER BY seq DESC");
        let rows = query.build().fetch_all(&self.pool).await?;
        let wanted = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let has_next = rows.len() > wanted;
        // One that was damaged since the start must not hide the others.
        let read = |row| read(row).inspect_err(|error| tracing::error!("{error}")).ok();
        Ok(Page { records: rows.iter().take(wanted).filter_map(read).collect(), has_next })
    }

    async fn count(&self, states: &[InternalState]) -> Result<u64, StoreError> {
        let mut query = QueryBuilder::new("SELECT count(*) AS n FROM sandboxes WHERE ");
        push_states(&mut query, states);
        let count: i64 = query.build().fetch_one(&self.pool).await?.try_get("n")?;
        Ok(count.unsigned_abs())
    }

    async fn forget_before(&self, time: Timestamp) -> Result<Vec<String>, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query("DELETE FROM sandboxes WHERE deleted_ms < ? RETURNING id")
            .bind(time.as_millisecond())
            .fetch_all(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM idempotency_keys WHERE created_ms < ?")
            .bind(time.as_millisecond())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    async fn recover(&self) -> Result<Recovered, StoreError> {
        self.write(|| self.read_all()).await.map_err(|error| error.of_file(&self.file))
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("SELECT record FROM sandboxes LIMIT 1").fetch_optional(&mut *transaction).await?;
        // A number of the application's own in the file's head: written for its own sake.
        sqlx::query("PRAGMA user_version = 1").execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
