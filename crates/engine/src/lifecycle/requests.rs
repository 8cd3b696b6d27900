//! What clients ask for.

use std::time::Duration;

use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, InternalState, PhaseStatus, PublicState, Secret};

use super::SandboxRecord;
use super::deadline::deadline_passed;
use super::machine::{Effect, Outcome, Refusal};
use super::moves::{destroy, repeat_effects, start_again, stop, unchanged};
use crate::clock::after;

const FAILED_WAY_OUT: &str = "its diagnostic says why; delete() it and create a new one";

const PAUSED_WAY_OUT: &str = "it has no running TTL; connect({ timeout }) resumes it with a new one";

const PAUSED_MEANWHILE_WAY_OUT: &str = "it was paused before it was ready; connect() resumes it";

const PAUSED_SINCE_WAY_OUT: &str =
    "it was paused after the first connect under this Idempotency-Key; connect() under a new key resumes it";

pub(super) fn connect(
    mut record: SandboxRecord,
    timeout_secs: u32,
    token: Secret,
    now: Timestamp,
) -> Result<Outcome, Refusal> {
    match record.state {
        InternalState::Creating | InternalState::Active => {
            if timeout_secs > 0 {
                record.timeout_secs = timeout_secs;
                record.end_at = record.end_at.max(after(now, seconds(timeout_secs)));
            }
            Ok(unchanged(record))
        }
        InternalState::Stopped => {
            let wanted = if timeout_secs > 0 { seconds(timeout_secs) } else { Duration::ZERO };
            let mut ttl = record.remaining(now).max(wanted);
            if ttl.is_zero() {
                // Its TTL ran out before: left alone, it would end in the same moment.
                ttl = seconds(record.timeout_secs);
            } else if timeout_secs > 0 {
                record.timeout_secs = timeout_secs;
            }
            record.end_at = after(now, ttl);
            record.paused_at = None;
            record.diagnostic = None;
            // A stop whose outcome is unknown: the start ends what still runs.
            record.close_phase(PhaseStatus::Completed, now);
            start_again(&mut record, token, "resuming", "same files, new processes", now);
            Ok(Outcome { record, effects: vec![Effect::StartRuntime] })
        }
        _ => Err(refuse(&record, FAILED_WAY_OUT)),
    }
}

pub(super) fn pause(mut record: SandboxRecord, now: Timestamp) -> Result<Outcome, Refusal> {
    match record.state {
        InternalState::Stopped => Ok(repeat_effects(record)),
        InternalState::Creating | InternalState::Active => {
            stop(&mut record, now, "by request: files and metadata are kept".to_owned());
            Ok(Outcome { record, effects: vec![Effect::StopRuntime] })
        }
        _ => Err(refuse(&record, FAILED_WAY_OUT)),
    }
}

pub(super) fn refresh(
    mut record: SandboxRecord,
    duration_secs: Option<u32>,
    now: Timestamp,
) -> Result<Outcome, Refusal> {
    match record.state {
        InternalState::Creating | InternalState::Active => {
            let duration = seconds(duration_secs.unwrap_or(record.timeout_secs));
            record.end_at = record.end_at.max(after(now, duration));
            Ok(unchanged(record))
        }
        InternalState::Stopped => Err(refuse(&record, PAUSED_WAY_OUT)),
        _ => Err(refuse(&record, FAILED_WAY_OUT)),
    }
}

pub(super) fn set_timeout(mut record: SandboxRecord, timeout_secs: u32, now: Timestamp) -> Result<Outcome, Refusal> {
    match record.state {
        InternalState::Creating | InternalState::Active => {
            record.end_at = after(now, seconds(timeout_secs));
            if timeout_secs == 0 {
                return Ok(deadline_passed(record, now));
            }
            record.timeout_secs = timeout_secs;
            Ok(unchanged(record))
        }
        InternalState::Stopped => Err(refuse(&record, PAUSED_WAY_OUT)),
        _ => Err(refuse(&record, FAILED_WAY_OUT)),
    }
}

pub(super) fn delete(mut record: SandboxRecord, now: Timestamp) -> Result<Outcome, Refusal> {
    match record.state {
        // Its files are still there.
        InternalState::Destroying => return Ok(repeat_effects(record)),
        InternalState::Destroyed => return Err(refuse(&record, "")),
        _ => {}
    }
    destroy(&mut record, now, Diagnostic::new("deleted_by_user", "deleted by request"));
    Ok(Outcome { record, effects: vec![Effect::DestroyRuntime] })
}

/// Says which state was met by who waited for a sandbox to become usable, if it will not.
pub fn check_usable(record: &SandboxRecord, replayed: bool) -> Result<(), Refusal> {
    let way_out = match record.state.public() {
        PublicState::Starting | PublicState::Running => return Ok(()),
        PublicState::Paused if replayed => PAUSED_SINCE_WAY_OUT,
        PublicState::Paused => PAUSED_MEANWHILE_WAY_OUT,
        _ => FAILED_WAY_OUT,
    };
    Err(refuse(record, way_out))
}

fn refuse(record: &SandboxRecord, way_out: &'static str) -> Refusal {
    let id = record.id.clone();
    match record.state.public() {
        PublicState::Deleted => Refusal::Deleted { id },
        state => Refusal::Conflict { id, state, way_out, diagnostic: record.diagnostic.clone() },
    }
}

fn seconds(secs: u32) -> Duration {
    Duration::from_secs(secs.into())
}
