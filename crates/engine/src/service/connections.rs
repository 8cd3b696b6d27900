//! Connecting to sandboxes, and the keys of repeated requests.

use sandbar_protocol::PublicState;
use serde::Serialize;

use super::Service;
use super::names::{hash, new_token};
use super::starts::READY_HOLD;
use crate::error::EngineError;
use crate::lifecycle::{Event, SandboxRecord, check_usable};
use crate::store::{Created, IdempotencyKey};

/// A sandbox that was connected to: it runs, or is still starting.
#[derive(Clone, Debug)]
pub struct Connected {
    /// Its record now.
    pub record: SandboxRecord,
    /// Whether this call resumed it.
    pub resumed: bool,
    /// Whether an earlier connect under the same key did what there was to do.
    pub replayed: bool,
}

impl Service {
    /// Connects: extends the TTL, and resumes a paused sandbox. Answers once it is usable, or 30 s have passed.
    ///
    /// Under a key that the same request was made with before, it only waits.
    pub async fn connect(
        &self,
        id: &str,
        timeout_secs: u32,
        key: Option<String>,
        project: Option<String>,
    ) -> Result<Connected, EngineError> {
        let key = self.idempotency_key(key, project, &("connect", id, timeout_secs));
        let replayed = self.replayed(key.as_ref()).await?.is_some();
        let (record, resumed) = if replayed {
            (self.detail(id).await?, false)
        } else {
            let applied = self.apply(id, Event::Connect { timeout_secs, token: new_token() }).await?;
            if let Some(key) = key {
                self.inner.store.keep_key(&key, id).await?;
            }
            (applied.record, applied.previous == PublicState::Paused)
        };
        let record = self.wait_ready(record, READY_HOLD).await?;
        if let Some(diagnostic) = record.failed_resume() {
            return Err(EngineError::ResumeFailed { id: id.to_owned(), diagnostic: diagnostic.clone() });
        }
        check_usable(&record, replayed)?;
        Ok(Connected { record, resumed, replayed })
    }

    /// The key of a request, as the store keeps it.
    pub(super) fn idempotency_key(
        &self,
        key: Option<String>,
        project: Option<String>,
        request: &impl Serialize,
    ) -> Option<IdempotencyKey> {
        key.map(|key| IdempotencyKey { project, key, body_hash: hash(request), received_at: self.now() })
    }

    /// The sandbox of the earlier request that this one repeats.
    pub(super) async fn replayed(&self, key: Option<&IdempotencyKey>) -> Result<Option<String>, EngineError> {
        let Some(key) = key else { return Ok(None) };
        match self.inner.store.created_with(key).await? {
            Some(Created::Repeat(id)) => Ok(Some(id)),
            Some(Created::KeyReused) => Err(EngineError::IdempotencyKeyReused),
            Some(Created::New) | None => Ok(None),
        }
    }
}
