//! What becomes of runtimes, and of the engine that ran them.

use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, HeartbeatStatus, InternalState, PhaseStatus, Secret};

use super::SandboxRecord;
use super::deadline::deadline_passed;
use super::machine::{Effect, Outcome};
use super::moves::{fail, repeat_effects, restart, start_again, stop, unchanged};
use crate::driver::{StartReport, is_outcome_unknown};

pub(super) fn ready(mut record: SandboxRecord, generation: u64, report: StartReport, now: Timestamp) -> Outcome {
    if record.state == InternalState::Creating && record.generation == generation {
        record.note_start(report, now);
        record.state = InternalState::Active;
        record.activated_at = Some(now);
        record.diagnostic = None;
        record.note("ready", PhaseStatus::Completed, now, "the agent is healthy".to_owned());
    }
    unchanged(record)
}

pub(super) fn start_failed(
    mut record: SandboxRecord,
    generation: u64,
    diagnostic: Diagnostic,
    now: Timestamp,
) -> Outcome {
    if record.state == InternalState::Creating && record.generation == generation {
        if generation == 1 && is_outcome_unknown(&diagnostic) {
            // Once: a start that takes the keeper down may do so again.
            return restart(record, &diagnostic, now);
        }
        let unknown = is_outcome_unknown(&diagnostic);
        fail(&mut record, diagnostic, now);
        if record.activated_at.is_some() || unknown {
            // The files are someone's work, and the next connect may succeed.
            stop(&mut record, now, "it did not start again: files and metadata are kept".to_owned());
            return stopped(record, now);
        }
    }
    unchanged(record)
}

pub(super) fn exited(
    mut record: SandboxRecord,
    generation: u64,
    status: &str,
    cause: Option<Diagnostic>,
    now: Timestamp,
) -> Outcome {
    if record.generation == generation && matches!(record.state, InternalState::Creating | InternalState::Active) {
        let unknown = || {
            Diagnostic::new("runtime_exited", format!("its runtime ended by itself ({status})"))
                .recommend("read its logs; a process in it may have killed the agent")
        };
        let diagnostic = cause.unwrap_or_else(unknown);
        if record.state == InternalState::Creating {
            // The word of its readiness comes after that of its end, and is stale then.
            return start_failed(record, generation, diagnostic, now);
        }
        if is_outcome_unknown(&diagnostic) {
            return restart(record, &diagnostic, now);
        }
        let is_full = diagnostic.reason == "home_full";
        fail(&mut record, diagnostic, now);
        if is_full {
            // It did its work, and more than fits: nothing of it is lost.
            stop(&mut record, now, "its home is full: files and metadata are kept".to_owned());
            return stopped(record, now);
        }
    }
    unchanged(record)
}

pub(super) fn heartbeat(mut record: SandboxRecord, status: HeartbeatStatus, now: Timestamp) -> Outcome {
    let alive = matches!(record.state, InternalState::Creating | InternalState::Active);
    if status != HeartbeatStatus::Error || !alive {
        return unchanged(record);
    }
    let diagnostic = Diagnostic::new("heartbeat_error", "its runtime reported an error").recommend("read its logs");
    fail(&mut record, diagnostic, now);
    Outcome { record, effects: vec![Effect::StopRuntime] }
}

pub(super) fn stopped(mut record: SandboxRecord, now: Timestamp) -> Outcome {
    if record.state == InternalState::Stopped {
        record.close_phase(PhaseStatus::Completed, now);
    }
    unchanged(record)
}

pub(super) fn destroyed(mut record: SandboxRecord, now: Timestamp) -> Outcome {
    if record.state == InternalState::Destroying {
        record.close_phase(PhaseStatus::Completed, now);
        record.state = InternalState::Destroyed;
        // Nobody can use them any more.
        record.env_vars.clear();
        record.token = Secret::default();
    }
    unchanged(record)
}

pub(super) fn engine_restarted(
    mut record: SandboxRecord,
    generation: u64,
    alive: Option<u64>,
    token: Secret,
    now: Timestamp,
) -> Outcome {
    if record.generation != generation {
        // It took a while to store this, and the sandbox was started meanwhile.
        return unchanged(record);
    }
    match record.state {
        InternalState::Creating | InternalState::Active if now >= record.end_at => deadline_passed(record, now),
        InternalState::Creating if alive == Some(generation) => ready(record, generation, StartReport::default(), now),
        InternalState::Active if alive == Some(generation) => {
            let message = "the engine was restarted: the same runtime and processes".to_owned();
            record.note("adopted", PhaseStatus::Completed, now, message);
            unchanged(record)
        }
        InternalState::Creating | InternalState::Active => {
            record.close_phase(PhaseStatus::Failed, now);
            start_again(&mut record, token, "restarting", "the engine was restarted: same files, new processes", now);
            Outcome { record, effects: vec![Effect::StartRuntime] }
        }
        _ => repeat_effects(record),
    }
}
