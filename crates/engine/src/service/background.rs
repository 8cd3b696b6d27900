//! What goes on without a request: deadlines, the runtimes' own notices, and the removal of old tombstones.

use std::time::Duration;

use jiff::Timestamp;

use tokio::sync::mpsc;

use super::Service;
use crate::driver::RuntimeNotice;
use crate::lifecycle::{Event, TOMBSTONE_KEPT};
use crate::logs::{self, Line, LogsError};
use crate::set_aside;

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
                    RuntimeNotice::Output { sandbox_id, time, level, line: message } => {
                        service.inner.logs.add(Line { sandbox_id, time, level, source: logs::RUNTIME, message });
                    }
                    RuntimeNotice::Exited { sandbox_id, .. } if service.inner.warm.remove(&sandbox_id) => {
                        tracing::info!(sandbox = sandbox_id, "a warm runtime has ended");
                        let service = service.clone();
                        service.inner.tasks.clone().spawn(async move { service.end_warm(&sandbox_id).await });
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
                if let Err(error) = service.inner.store.forget_before(service.oldest_tombstone()).await {
                    tracing::error!("can't remove old tombstones: {error}");
                }
                if let Err(error) = service.sweep_logs().await {
                    tracing::warn!("can't remove the logs of sandboxes that are forgotten: {error}");
                }
            }
        }));
    }

    /// Removes the logs of sandboxes that the store does not know; not of those whose files are set aside, as their
    /// records may come back.
    async fn sweep_logs(&self) -> Result<(), LogsError> {
        let set_aside = self.inner.data_dir.as_deref().map(set_aside::list).unwrap_or_default();
        let is_set_aside = |id: &str| set_aside.iter().any(|piece| piece.ends_with(id));
        let mut unknown = Vec::new();
        // A record is stored before its first line: what has lines by now and no record is forgotten.
        for id in self.inner.logs.sandbox_ids().await? {
            if !is_set_aside(&id) && matches!(self.inner.store.load(&id).await, Ok(None)) {
                unknown.push(id);
            }
        }
        self.inner.logs.forget(&unknown).await
    }

    /// Tombstones from before are forgotten.
    pub(super) fn oldest_tombstone(&self) -> Timestamp {
        self.now().checked_sub(TOMBSTONE_KEPT).unwrap_or(Timestamp::MIN)
    }
}
