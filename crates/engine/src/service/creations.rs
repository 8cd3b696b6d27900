//! Accepting creates.

use sandbar_protocol::{CreateOptions, PublicState};

use super::Service;
use super::names::{new_id, new_token};
use super::starts::READY_HOLD;
use crate::error::EngineError;
use crate::lifecycle::{NewSandbox, Outcome, Refusal, SandboxRecord};
use crate::store::{Created, IdempotencyKey};
use crate::warm::Claim;

/// The sandbox of a create.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its record now.
    pub record: SandboxRecord,
    /// Whether an earlier create under the same key made it.
    pub replayed: bool,
}

impl Accepted {
    fn new(record: SandboxRecord) -> Self {
        Self { record, replayed: false }
    }
}

impl Service {
    /// Accepts a create; with `wait_ready` it answers once the sandbox is usable, failed or paused, or 30 s have passed.
    pub async fn create(
        &self,
        options: CreateOptions,
        key: Option<String>,
        project: Option<String>,
    ) -> Result<Accepted, EngineError> {
        self.check_open()?;
        let key = self.idempotency_key(key, project.clone(), &options);
        let wait_ready = options.wait_ready;
        let mut accepted = match self.replay(key.as_ref()).await? {
            Some(replay) => replay,
            None => self.create_new(options, key, project).await?,
        };
        if wait_ready {
            accepted.record = self.wait_ready(accepted.record, READY_HOLD).await?;
        }
        match accepted.record.state.public() {
            PublicState::Deleted => Err(Refusal::Deleted { id: accepted.record.id }.into()),
            _ => Ok(accepted),
        }
    }

    async fn create_new(
        &self,
        options: CreateOptions,
        key: Option<IdempotencyKey>,
        project: Option<String>,
    ) -> Result<Accepted, EngineError> {
        let template = self.inner.templates.find(&options.template_id).await?;
        let claim = self.inner.warm.claim(&options.template_id, &template);
        let id = claim.as_ref().and_then(Claim::sandbox_id).unwrap_or_else(new_id);
        let new = NewSandbox { id, token: new_token(), options, template, project };
        let outcome = SandboxRecord::create(new, self.now());
        let service = self.clone();
        self.detached(async move { service.accept(outcome, key.as_ref(), claim).await }).await
    }

    async fn accept(
        &self,
        outcome: Outcome,
        key: Option<&IdempotencyKey>,
        claim: Option<Claim>,
    ) -> Result<Accepted, EngineError> {
        let slot = self.inner.slots.get(&outcome.record.id);
        let mut turn = slot.turn.lock().await;
        let places = match self.inner.admission.admit(None, outcome.record.state, self.now()) {
            Ok(places) => places,
            // The last place may have gone to the create that this one repeats.
            Err(full) => return self.replay(key).await?.ok_or(full.into()),
        };
        while self.inner.store.create(&outcome.record, key).await? != Created::New {
            if let Some(replay) = self.replay(key).await? {
                return Ok(replay);
            }
            // It was deleted in between, and its key is free.
        }
        self.inner.admission.moved(None, outcome.record.state, places);
        claim.into_iter().for_each(Claim::used);
        tracing::debug!(sandbox = outcome.record.id, template = outcome.record.template_id, "accepted");
        self.inner.changes.publish(&outcome.record);
        self.announce(&slot, None, &outcome.record);
        self.carry_out(&slot, &mut turn, outcome).await.map(Accepted::new)
    }

    /// The sandbox of an earlier create under the same key.
    async fn replay(&self, key: Option<&IdempotencyKey>) -> Result<Option<Accepted>, EngineError> {
        let Some(id) = self.replayed(key).await? else { return Ok(None) };
        let record = self.inner.store.load(&id).await?;
        let live = record.filter(|record| record.state.public() != PublicState::Deleted);
        Ok(live.map(|record| Accepted { record, replayed: true }))
    }
}
