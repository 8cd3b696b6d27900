//! The steps from state to state, which several events take.

use std::time::Duration;

use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, InternalState, PhaseStatus, Secret};

use super::SandboxRecord;
use super::machine::{Effect, Outcome};
use crate::clock::before;

/// So many restarts within this time, and the next loss pauses.
const MAX_RESTARTS: usize = 3;
const RESTARTS_WITHIN: Duration = Duration::from_secs(300);

pub(super) fn unchanged(record: SandboxRecord) -> Outcome {
    Outcome { record, effects: Vec::new() }
}

/// Carries out again what is not known to be done. Effects can be repeated.
pub(super) fn repeat_effects(record: SandboxRecord) -> Outcome {
    let effect = match record.state {
        InternalState::Stopped if record.is_unfinished() => Some(Effect::StopRuntime),
        InternalState::Failed => Some(Effect::StopRuntime),
        InternalState::Destroying => Some(Effect::DestroyRuntime),
        _ => None,
    };
    Outcome { record, effects: effect.into_iter().collect() }
}

pub(super) fn start_again(record: &mut SandboxRecord, token: Secret, phase: &str, message: &str, now: Timestamp) {
    record.state = InternalState::Creating;
    record.generation += 1;
    record.token = token;
    record.note(phase, PhaseStatus::InProgress, now, message.to_owned());
}

/// Its runtime was lost with the process that held it, and nothing is wrong with the sandbox: clients keep their token. If
/// that happens again and again, it is paused: something on this machine ends that process, perhaps this very start.
pub(super) fn restart(mut record: SandboxRecord, cause: &Diagnostic, now: Timestamp) -> Outcome {
    record.close_phase(PhaseStatus::Failed, now);
    record.lost_at.retain(|time| *time >= before(now, RESTARTS_WITHIN));
    let restarts = record.lost_at.len();
    if restarts >= MAX_RESTARTS {
        let minutes = RESTARTS_WITHIN.as_secs() / 60;
        let message =
            format!("{}, after {restarts} restarts within {minutes} min: files and metadata are kept", cause.message);
        stop(&mut record, now, message);
        record.close_phase(PhaseStatus::Completed, now);
        record.diagnostic = Some(cause.clone());
        return unchanged(record);
    }
    record.lost_at.push(now);
    let (token, message) = (record.token.clone(), format!("{}: same files, new processes", cause.message));
    start_again(&mut record, token, "restarting", &message, now);
    Outcome { record, effects: vec![Effect::StartRuntime] }
}

/// Its runtime is yet to be stopped.
pub(super) fn stop(record: &mut SandboxRecord, now: Timestamp, message: String) {
    record.close_phase(PhaseStatus::Completed, now);
    record.state = InternalState::Stopped;
    record.paused_at = Some(now);
    record.note("paused", PhaseStatus::InProgress, now, message);
}

pub(super) fn fail(record: &mut SandboxRecord, diagnostic: Diagnostic, now: Timestamp) {
    record.close_phase(PhaseStatus::Failed, now);
    record.note("failed", PhaseStatus::Failed, now, diagnostic.message.clone());
    record.diagnostic = Some(diagnostic);
    record.state = InternalState::Failed;
}

pub(super) fn destroy(record: &mut SandboxRecord, now: Timestamp, why: Diagnostic) {
    record.close_phase(PhaseStatus::Completed, now);
    record.state = InternalState::Destroying;
    record.deleted_at = Some(now);
    record.note("deleted", PhaseStatus::InProgress, now, why.message.clone());
    record.diagnostic = Some(why);
}
