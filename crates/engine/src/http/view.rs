use sandbar_protocol::{Envd, InternalState, Sandbox};

use super::origin::Origin;
use crate::driver::LimitsLevel;
use crate::lifecycle::SandboxRecord;

/// The path under which a sandbox's runtime API is served.
pub(super) fn envd_path(id: &str) -> String {
    format!("/envd/{id}")
}

fn envd(record: &SandboxRecord, origin: &Origin) -> Envd {
    if record.state != InternalState::Active {
        return Envd::default();
    }
    Envd { envd_access_token: Some(record.token.clone()), envd_url: Some(format!("{origin}{}", envd_path(&record.id))) }
}

/// The answer of create and connect.
pub(super) fn sandbox(record: &SandboxRecord, origin: &Origin) -> Sandbox {
    Sandbox { envd: Some(envd(record, origin)), ..record.public() }
}

/// The detail.
pub(super) fn detail(record: &SandboxRecord, level: &LimitsLevel, origin: &Origin) -> Sandbox {
    let limits = Some(level.of(record.limits()));
    Sandbox { envd: Some(envd(record, origin)), limits, ..record.listed() }
}
