use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;
use sandbar_protocol::InternalState;
use sqlx::sqlite::SqlitePool;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Created, IdempotencyKey, ListFilter, Page, Store, StoreError};
use crate::lifecycle::SandboxRecord;
use crate::sqlite_file;

/// Records in one SQLite file, in WAL mode.
pub struct SqliteStore {
    pool: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, making it if there is none, and brings its schema up to date.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        // Writers take turns in SQLite anyway; a few readers go beside them.
        let pool = sqlite_file::open(file, 4).await?;
        sqlx::migrate!().run(&pool).await?;
        Ok(Self { pool })
    }
}

fn read(row: &sqlx::sqlite::SqliteRow) -> Result<SandboxRecord, StoreError> {
    Ok(serde_json::from_str(row.try_get::<&str, _>("record")?)?)
}

async fn find_key(
    executor: impl sqlx::SqliteExecutor<'_>,
    key: &IdempotencyKey,
) -> Result<Option<Created>, StoreError> {
    let query = sqlx::query("SELECT body_hash, sandbox_id FROM idempotency_keys WHERE key = ?").bind(&key.key);
    let Some(row) = query.fetch_optional(executor).await? else { return Ok(None) };
    let same = row.try_get::<&[u8], _>("body_hash")? == key.body_hash;
    Ok(Some(if same { Created::Repeat(row.try_get("sandbox_id")?) } else { Created::KeyReused }))
}

async fn insert_key(
    executor: impl sqlx::SqliteExecutor<'_>,
    IdempotencyKey { key, body_hash }: &IdempotencyKey,
    sandbox_id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let text = "INSERT OR IGNORE INTO idempotency_keys (key, body_hash, sandbox_id, created_ms) VALUES (?, ?, ?, ?)";
    let query = sqlx::query(text).bind(key).bind(&body_hash[..]).bind(sandbox_id).bind(now.as_millisecond());
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
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(known) = key {
            if let Some(created) = find_key(&mut *transaction, known).await? {
                return Ok(created);
            }
            insert_key(&mut *transaction, known, &record.id, record.created_at).await?;
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

    async fn keep_key(&self, key: &IdempotencyKey, sandbox_id: &str, now: Timestamp) -> Result<(), StoreError> {
        insert_key(&self.pool, key, sandbox_id, now).await
    }

    async fn save(&self, record: &SandboxRecord) -> Result<(), StoreError> {
        sqlx::query("UPDATE sandboxes SET state = ?, record = ?, deleted_ms = ? WHERE id = ?")
            .bind(record.state.as_str())
            .bind(serde_json::to_string(record)?)
            .bind(record.tombstone_since().map(Timestamp::as_millisecond))
            .bind(&record.id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn load(&self, id: &str) -> Result<Option<SandboxRecord>, StoreError> {
        let row = sqlx::query("SELECT record FROM sandboxes WHERE id = ?").bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    async fn list(&self, filter: &ListFilter) -> Result<Page, StoreError> {
        // Inside, an index has what is sorted and skipped; records are read for the page alone.
        let page = "SELECT record FROM sandboxes WHERE seq IN (SELECT seq FROM sandboxes WHERE ";
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
        let mut records = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let wanted = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let has_next = records.len() > wanted;
        records.truncate(wanted);
        Ok(Page { records, has_next })
    }

    async fn count(&self, states: &[InternalState]) -> Result<u64, StoreError> {
        let mut query = QueryBuilder::new("SELECT count(*) AS n FROM sandboxes WHERE ");
        push_states(&mut query, states);
        let count: i64 = query.build().fetch_one(&self.pool).await?.try_get("n")?;
        Ok(count.unsigned_abs())
    }

    async fn forget_before(&self, time: Timestamp) -> Result<Vec<String>, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
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

    async fn probe(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT record FROM sandboxes LIMIT 1").fetch_optional(&self.pool).await?;
        // A number of the application's own in the file's head: written for its own sake.
        sqlx::query("PRAGMA user_version = 1").execute(&self.pool).await?;
        Ok(())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
