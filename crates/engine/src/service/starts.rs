//! Starting runtimes, and waiting for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sandbar_protocol::{Diagnostic, PublicState};

use super::Service;
use crate::driver::{RuntimeSpec, StartReport};
use crate::error::EngineError;
use crate::lifecycle::{Event, SandboxRecord};
use crate::slots::Slot;
use crate::telemetry::StartKind;

/// How long a request may wait for readiness; then the client goes on by itself.
pub(super) const READY_HOLD: Duration = Duration::from_secs(30);

impl Service {
    /// Starts the runtime beside the call, so that a pause or delete can end the start.
    pub(super) fn spawn_start(&self, slot: Arc<Slot>, record: SandboxRecord) -> tokio::task::JoinHandle<()> {
        let service = self.clone();
        self.inner.tasks.spawn(async move {
            let (id, generation) = (record.id.clone(), record.generation);
            let begun = Instant::now();
            let outcome = service.start_runtime(record).await;
            let kind = match &outcome {
                Ok(report) if report.warm => StartKind::Claimed,
                Ok(_) => StartKind::Cold,
                Err(_) => StartKind::Failed,
            };
            service.telemetry().started(kind, begun.elapsed());
            let event = match outcome {
                Ok(report) => Event::RuntimeReady { generation, report },
                Err(diagnostic) => Event::RuntimeFailed { generation, diagnostic },
            };
            // Its own task: the call that ends this start holds the turn that the event waits for.
            let poster = service.clone();
            service.inner.tasks.spawn(async move { poster.post(&id, event).await });
            drop(slot);
        })
    }

    async fn start_runtime(&self, record: SandboxRecord) -> Result<StartReport, Diagnostic> {
        let template = self.inner.templates.find(&record.template_id).await.map_err(|error| error.diagnostic())?;
        let mut env_vars = template.env_vars.clone();
        env_vars.extend(record.env_vars.clone());
        let rootfs = self.inner.templates.ready_rootfs(&template).await?;
        let spec = template.runtime(record.id.clone(), record.generation, env_vars, rootfs.folder);
        let spec = RuntimeSpec { limits: record.limits(), ..spec };
        let _starting = self.inner.warm.starting();
        let mut report = self.inner.driver.start(spec, self.inner.notices.clone()).await?;
        if let Some(took) = rootfs.unpacking {
            report.phases.insert(0, ("rootfs".to_owned(), took));
        }
        Ok(report)
    }

    /// Waits while the sandbox is starting, for as long as `hold` at most; gives back its record then.
    pub(super) async fn wait_ready(&self, record: SandboxRecord, hold: Duration) -> Result<SandboxRecord, EngineError> {
        if record.state.public() != PublicState::Starting {
            return Ok(record);
        }
        let slot = self.inner.slots.get(&record.id);
        let mut states = slot.state.subscribe();
        // From here on no change is missed; what happened before is in the store.
        let record = self.detail(&record.id).await?;
        if record.state.public() != PublicState::Starting {
            return Ok(record);
        }
        let usable = states.wait_for(|state| state.is_some_and(|state| state.public() != PublicState::Starting));
        tokio::select! {
            _ = tokio::time::timeout(hold, usable) => {}
            () = self.inner.closing.cancelled() => {}
        }
        self.detail(&record.id).await
    }
}
