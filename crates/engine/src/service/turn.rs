//! One event on one sandbox: stored, told and carried out, in turn.

use std::sync::Arc;

use sandbar_protocol::{Diagnostic, LogLevel, PhaseStatus, TimelineEvent};

use super::{Applied, Service};
use crate::admission::Places;
use crate::error::EngineError;
use crate::lifecycle::{Effect, Event, Outcome, SandboxRecord, transition};
use crate::logs::{self, Line};
use crate::slots::Slot;

impl Service {
    /// Applies what a client asked for and carries it out: fully, even if the client goes away, or not at all.
    pub async fn apply(&self, id: &str, event: Event) -> Result<Applied, EngineError> {
        self.check_open()?;
        let service = self.clone();
        let id = id.to_owned();
        self.detached(async move { service.apply_in_turn(&id, event).await }).await
    }

    pub(super) async fn apply_in_turn(&self, id: &str, event: Event) -> Result<Applied, EngineError> {
        // A shutdown waits for it.
        let _change = self.inner.changes_under_way.token();
        let slot = self.inner.slots.get(id);
        let mut turn = slot.turn.lock().await;
        let before = self.detail(id).await?;
        let previous = before.state.public();
        let outcome = transition(before.clone(), event, self.now())?;
        let places = self.inner.admission.admit(Some(before.state), outcome.record.state, self.now())?;
        let has_effects = !outcome.effects.is_empty();
        let applied = async {
            self.keep(&slot, &before, &outcome.record, places).await?;
            self.carry_out(&slot, &mut turn, outcome).await
        };
        match applied.await {
            Ok(record) => Ok(Applied { record, previous }),
            Err(error) => {
                if has_effects {
                    self.retry(id, Event::EffectsFailed, &error);
                }
                Err(error)
            }
        }
    }

    /// Stores what an event made of the record, and tells of it.
    async fn keep(
        &self,
        slot: &Slot,
        before: &SandboxRecord,
        record: &SandboxRecord,
        places: Option<Places<'_>>,
    ) -> Result<(), EngineError> {
        let (old, new) = (Some(before.state), Some(record.state));
        let admission = &self.inner.admission;
        let takes_places = places.is_some();
        // A place that is given back is free by the time that anybody can read of it.
        if !takes_places {
            admission.moved(old, record.state, None);
        }
        if record != before {
            if let Err(error) = self.inner.store.save(record).await {
                if !takes_places {
                    admission.moved(new, before.state, None);
                }
                return Err(error.into());
            }
            self.inner.changes.publish(record);
        }
        if takes_places {
            admission.moved(old, record.state, places);
        }
        self.announce(slot, Some(before), record);
        Ok(())
    }

    /// Tells the timer, the log and those who wait.
    pub(super) fn announce(&self, slot: &Slot, before: Option<&SandboxRecord>, record: &SandboxRecord) {
        self.inner.deadlines.set(&record.id, record.deadline());
        for event in record.timeline_since(before) {
            let level = if event.status == Some(PhaseStatus::Failed) { LogLevel::Error } else { LogLevel::Info };
            let message = sentence(event);
            log(record, event, &message);
            let (sandbox_id, time) = (record.id.clone(), self.now());
            self.inner.logs.add(Line { sandbox_id, time, level, source: logs::ENGINE, message });
        }
        slot.state.send_replace(Some(record.state));
    }

    pub(super) async fn carry_out(
        &self,
        slot: &Arc<Slot>,
        starting: &mut Option<tokio::task::JoinHandle<()>>,
        outcome: Outcome,
    ) -> Result<SandboxRecord, EngineError> {
        let mut record = outcome.record;
        for effect in outcome.effects {
            if effect != Effect::StartRuntime
                && let Some(start) = starting.take()
            {
                // A start that is under way ends first: the driver leaves nothing of it.
                start.abort();
                let _ = start.await;
            }
            match effect {
                Effect::StartRuntime => *starting = Some(self.spawn_start(slot.clone(), record.clone())),
                Effect::StopRuntime => {
                    self.inner.driver.stop(&record.id).await.map_err(|error| self.effect_failed(error))?;
                    record = self.follow_up(slot, record, Event::Stopped).await?;
                }
                Effect::DestroyRuntime => {
                    self.inner.driver.destroy(&record.id).await.map_err(|error| self.effect_failed(error))?;
                    record = self.follow_up(slot, record, Event::Destroyed).await?;
                }
            }
        }
        Ok(record)
    }

    /// The record says that it is unfinished: it is repeated, by the next engine if this one ends.
    fn effect_failed(&self, diagnostic: Diagnostic) -> EngineError {
        if self.inner.closing.is_cancelled() { EngineError::ShuttingDown } else { EngineError::Driver(diagnostic) }
    }

    async fn follow_up(&self, slot: &Slot, before: SandboxRecord, event: Event) -> Result<SandboxRecord, EngineError> {
        let outcome = transition(before.clone(), event, self.now())?;
        self.keep(slot, &before, &outcome.record, None).await?;
        Ok(outcome.record)
    }

    /// Applies what happened by itself, now or as soon as the store and the driver allow it.
    pub(super) async fn post(&self, id: &str, event: Event) {
        // Runtimes that end because the engine does are no news: the store keeps what they were.
        if self.inner.closing.is_cancelled() {
            return;
        }
        match self.apply_in_turn(id, event.clone()).await {
            Ok(_) | Err(EngineError::NotFound(_)) => {}
            Err(error) => self.retry(id, event, &error),
        }
    }
}

/// A sandbox that became ready, or ended, is a line for operators; the steps on the way there are details.
fn log(record: &SandboxRecord, event: &TimelineEvent, message: &str) {
    const OUTCOMES: [&str; 4] = ["ready", "adopted", "paused", "deleted"];
    if event.status == Some(PhaseStatus::Failed) {
        tracing::warn!(sandbox = record.id, template = record.template_id, "{message}");
    } else if OUTCOMES.contains(&event.phase.as_str()) {
        tracing::info!(sandbox = record.id, template = record.template_id, "{message}");
    } else {
        tracing::debug!(sandbox = record.id, template = record.template_id, "{message}");
    }
}

/// As a line of a log: `namespaces (6.2 ms)`, `ready: the agent is healthy`.
fn sentence(event: &TimelineEvent) -> String {
    let took = event.duration_ms.map(|millis| format!(" ({millis:.1} ms)")).unwrap_or_default();
    let message = event.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
    format!("{}{took}{message}", event.phase)
}
