//! The end of the TTL.

use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, InternalState, PhaseStatus};

use super::SandboxRecord;
use super::machine::{Effect, Outcome};
use super::moves::{destroy, stop, unchanged};

pub(super) fn deadline_passed(mut record: SandboxRecord, now: Timestamp) -> Outcome {
    if record.deadline().is_none_or(|deadline| now < deadline) {
        return unchanged(record);
    }
    if record.state == InternalState::Failed {
        let cause = record.diagnostic.take();
        let why = cause.map_or_else(String::new, |cause| format!(": {}", cause.message));
        destroy(&mut record, now, Diagnostic::new("failure", format!("failed, and its TTL has ended{why}")));
        return Outcome { record, effects: vec![Effect::DestroyRuntime] };
    }
    let message = format!("its TTL of {} s has ended", record.timeout_secs);
    record.close_phase(PhaseStatus::Completed, now);
    record.note("expired", PhaseStatus::Completed, now, message.clone());
    if record.auto_pause {
        stop(&mut record, now, "by autoPause: files and metadata are kept".to_owned());
        record.diagnostic = Some(
            Diagnostic::new("ttl", format!("paused: {message}")).recommend("connect() resumes it with the same files"),
        );
        Outcome { record, effects: vec![Effect::StopRuntime] }
    } else {
        let why = Diagnostic::new("ttl", format!("deleted: {message}"))
            .recommend("refresh() or setTimeout() extends a TTL; autoPause keeps the files at its end");
        destroy(&mut record, now, why);
        Outcome { record, effects: vec![Effect::DestroyRuntime] }
    }
}
