//! What goes on without a request: deadlines, the runtimes' own notices, and the recovery at start.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use sandbar_protocol::{InternalState, PublicState};
use tokio::sync::mpsc;

use super::Service;
use super::names::new_token;
use crate::driver::{KnownSandbox, RuntimeNotice};
use crate::error::EngineError;
use crate::lifecycle::{Event, SandboxRecord, TOMBSTONE_KEPT};
use crate::logs::Line;
use crate::store::ListFilter;

const SWEEP_EVERY: Duration = Duration::from_secs(600);

impl Service {
    pub(super) fn watch_deadlines(&self, mut passed: mpsc::UnboundedReceiver<String>) {
        let service = self.clone();
        let closing = self.inner.closing.clone();
        tokio::spawn(closing.run_until_cancelled_owned(async move {
            while let Some(id) = passed.recv().await {
                let poster = service.clone();
                service.inner.tasks.spawn(async move { poster.post(&id, Event::DeadlinePassed).await });
            }
        }));
    }

    pub(super) fn watch_runtimes(&self, mut notices: mpsc::Receiver<RuntimeNotice>) {
        let service = self.clone();
        let closing = self.inner.closing.clone();
        tokio::spawn(closing.run_until_cancelled_owned(async move {
            while let Some(notice) = notices.recv().await {
                match notice {
                    RuntimeNotice::Output { sandbox_id, level, line } => {
                        let (time, message) = (service.now(), line);
                        service.inner.logs.add(Line { sandbox_id, time, level, source: "runtime", message }).await;
                    }
                    RuntimeNotice::Exited { sandbox_id, generation, status, cause } => {
                        let poster = service.clone();
                        let event = Event::RuntimeExited { generation, status, cause };
                        service.inner.tasks.spawn(async move { poster.post(&sandbox_id, event).await });
                    }
                }
            }
        }));
    }

    /// Removes old tombstones now and then: those that are too old are not shown anyway.
    pub(super) fn sweep_tombstones(&self) {
        let service = self.clone();
        let closing = self.inner.closing.clone();
        tokio::spawn(closing.run_until_cancelled_owned(async move {
            let mut ticks = tokio::time::interval(SWEEP_EVERY);
            loop {
                ticks.tick().await;
                match service.inner.store.forget_before(service.oldest_tombstone()).await {
                    Ok(forgotten) => service.inner.logs.forget(forgotten).await,
                    Err(error) => tracing::error!("can't remove old tombstones: {error}"),
                }
            }
        }));
    }

    /// Tombstones from before are forgotten.
    pub(super) fn oldest_tombstone(&self) -> Timestamp {
        self.now().checked_sub(TOMBSTONE_KEPT).unwrap_or(Timestamp::MIN)
    }

    /// Nobody sees a state of the earlier engine: this ends before the first request.
    pub(super) async fn recover(&self) -> Result<(), EngineError> {
        let filter =
            ListFilter { states: InternalState::ALL.to_vec(), limit: i64::MAX as u64, ..ListFilter::default() };
        let records = self.inner.store.list(&filter).await?.records;
        let gone = |record: &&SandboxRecord| record.state.public() == PublicState::Deleted;
        let known: Vec<KnownSandbox> = records.iter().filter(|record| !gone(record)).map(known).collect();
        let running =
            self.inner.driver.recover(&known, self.inner.notices.clone()).await.map_err(EngineError::Driver)?;
        let running: HashMap<String, u64> =
            running.into_iter().map(|runtime| (runtime.sandbox_id, runtime.generation)).collect();
        let unfinished = [InternalState::Creating, InternalState::Active, InternalState::Destroying];
        futures_util::future::join_all(records.iter().map(async |record| {
            self.inner.admission.moved(None, record.state, None);
            self.inner.deadlines.set(&record.id, record.deadline());
            if unfinished.contains(&record.state) || record.is_unfinished() {
                let alive = running.get(&record.id).copied();
                let event = Event::EngineRestarted { alive, token: new_token() };
                self.post(&record.id, event).await;
            }
        }))
        .await;
        Ok(())
    }
}

fn known(record: &SandboxRecord) -> KnownSandbox {
    let runs = matches!(record.state, InternalState::Creating | InternalState::Active);
    KnownSandbox { sandbox_id: record.id.clone(), runs: runs.then_some(record.generation) }
}
