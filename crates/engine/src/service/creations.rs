//! Accepting creates.

use sandbar_protocol::CreateOptions;

use super::Service;
use super::names::{hash, new_id, new_token};
use super::starts::READY_HOLD;
use crate::admission::LimitReached;
use crate::error::EngineError;
use crate::lifecycle::{NewSandbox, Outcome, SandboxRecord};
use crate::store::{Created, IdempotencyKey};
use crate::warm::Claim;

impl Service {
    /// Accepts a create; with `wait_ready` it answers once the sandbox is usable, failed, or 30 s have passed.
    pub async fn create(
        &self,
        options: CreateOptions,
        key: Option<String>,
        project: Option<String>,
    ) -> Result<SandboxRecord, EngineError> {
        self.check_open()?;
        let key = key.map(|key| IdempotencyKey { key, body_hash: hash(&options) });
        let template = self.inner.templates.find(&options.template_id).await?;
        let wait_ready = options.wait_ready;
        let claim = self.inner.warm.claim(&options.template_id, &template);
        let id = claim.as_ref().and_then(Claim::sandbox_id).unwrap_or_else(new_id);
        let new = NewSandbox { id, token: new_token(), options, template, project };
        let outcome = SandboxRecord::create(new, self.now());
        let service = self.clone();
        let record = self.detached(async move { service.accept(outcome, key.as_ref(), claim).await }).await?;
        if wait_ready { self.wait_ready(record, READY_HOLD).await } else { Ok(record) }
    }

    async fn accept(
        &self,
        outcome: Outcome,
        key: Option<&IdempotencyKey>,
        claim: Option<Claim>,
    ) -> Result<SandboxRecord, EngineError> {
        let slot = self.inner.slots.get(&outcome.record.id);
        let mut turn = slot.turn.lock().await;
        let places = match self.inner.admission.admit(None, outcome.record.state, self.now()) {
            Ok(places) => places,
            Err(reached) => return self.repeated(key, reached).await,
        };
        match self.inner.store.create(&outcome.record, key).await? {
            Created::New => {
                self.inner.admission.moved(None, outcome.record.state, places);
                claim.into_iter().for_each(Claim::used);
                tracing::info!(sandbox = outcome.record.id, template = outcome.record.template_id, "accepted");
                self.inner.changes.publish(&outcome.record);
                self.announce(&slot, None, &outcome.record).await;
                self.carry_out(&slot, &mut turn, outcome).await
            }
            Created::Repeat(id) => self.detail(&id).await,
            Created::KeyReused => Err(EngineError::IdempotencyKeyReused),
        }
    }

    /// Where there is no room for another sandbox, the answer to a repeated create is still the first one's.
    async fn repeated(&self, key: Option<&IdempotencyKey>, full: LimitReached) -> Result<SandboxRecord, EngineError> {
        let Some(key) = key else { return Err(full.into()) };
        match self.inner.store.created_with(key).await? {
            Some(Created::Repeat(id)) => self.detail(&id).await,
            Some(Created::KeyReused) => Err(EngineError::IdempotencyKeyReused),
            Some(Created::New) | None => Err(full.into()),
        }
    }
}
