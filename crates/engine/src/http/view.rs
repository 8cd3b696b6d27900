use sandbar_protocol::{Envd, InternalState, Lifecycle, OnTimeout, Sandbox};

use crate::driver::LimitsLevel;
use crate::lifecycle::SandboxRecord;

/// The path under which a sandbox's runtime API is served.
pub(super) fn envd_path(id: &str) -> String {
    format!("/envd/{id}")
}

fn public(record: SandboxRecord) -> Sandbox {
    let state = record.state.public();
    Sandbox {
        template_id: Some(record.template_id),
        client_id: Some("local".to_owned()),
        status: Some(state.clone()),
        state: Some(state),
        started_at: Some(record.created_at),
        activated_at: record.activated_at,
        end_at: Some(record.end_at),
        timeline: record.timeline,
        diagnostic: record.diagnostic,
        ..Sandbox::with_id(record.id)
    }
}

fn envd(record: &SandboxRecord, origin: &str) -> Envd {
    if record.state != InternalState::Active {
        return Envd::default();
    }
    Envd { envd_access_token: Some(record.token.clone()), envd_url: Some(format!("{origin}{}", envd_path(&record.id))) }
}

/// The answer of create and connect.
pub(super) fn sandbox(record: SandboxRecord, origin: &str) -> Sandbox {
    let envd = Some(envd(&record, origin));
    Sandbox { envd, ..public(record) }
}

/// An entry of the list.
pub(super) fn listed(record: SandboxRecord) -> Sandbox {
    let on_timeout = if record.auto_pause { OnTimeout::Pause } else { OnTimeout::Kill };
    Sandbox {
        cpu_count: Some(record.cpu_count),
        memory_mb: Some(record.memory_mb),
        disk_size_mb: Some(record.disk_size_mb),
        metadata: Some(record.metadata.clone()),
        lifecycle: Some(Lifecycle { on_timeout }),
        ..public(record)
    }
}

/// The detail.
pub(super) fn detail(record: SandboxRecord, level: &LimitsLevel, origin: &str) -> Sandbox {
    let envd = Some(envd(&record, origin));
    let limits = Some(level.of(record.limits()));
    Sandbox { envd, limits, ..listed(record) }
}
