use sandbar_protocol::{Lifecycle, OnTimeout, Sandbox};

use super::SandboxRecord;

impl SandboxRecord {
    /// What every answer says of a sandbox.
    pub(crate) fn public(&self) -> Sandbox {
        let state = self.state.public();
        Sandbox {
            template_id: Some(self.template_id.clone()),
            client_id: Some("local".to_owned()),
            status: Some(state.clone()),
            state: Some(state),
            started_at: Some(self.created_at),
            activated_at: self.activated_at,
            end_at: Some(self.end_at),
            timeline: self.timeline.clone(),
            diagnostic: self.diagnostic.clone(),
            ..Sandbox::with_id(self.id.clone())
        }
    }

    /// What lists say of it: no secret.
    pub(crate) fn listed(&self) -> Sandbox {
        let on_timeout = if self.auto_pause { OnTimeout::Pause } else { OnTimeout::Kill };
        Sandbox {
            cpu_count: Some(self.cpu_count),
            memory_mb: Some(self.memory_mb),
            disk_size_mb: Some(self.disk_size_mb),
            metadata: Some(self.metadata.clone()),
            lifecycle: Some(Lifecycle { on_timeout }),
            ..self.public()
        }
    }
}
