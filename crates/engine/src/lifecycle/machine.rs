use std::time::Duration;

use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, HeartbeatStatus, InternalState, PhaseStatus, PublicState, Secret};

use super::SandboxRecord;
use crate::clock::after;
use crate::driver::StartReport;

/// What can happen to a sandbox.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client wants to use it for at least `timeout_secs`; 0 leaves the TTL alone.
    Connect {
        /// The least TTL in seconds.
        timeout_secs: u32,
        /// A fresh access token, used if a runtime has to be started.
        token: Secret,
    },
    /// A client pauses it.
    Pause,
    /// A client extends its TTL.
    Refresh {
        /// The least TTL in seconds; its own timeout if absent.
        duration_secs: Option<u32>,
    },
    /// A client replaces its TTL.
    SetTimeout {
        /// The TTL in seconds; 0 ends it now.
        timeout_secs: u32,
    },
    /// A client deletes it.
    Delete,
    /// The timer came round.
    DeadlinePassed,
    /// The runtime's agent is healthy.
    RuntimeReady {
        /// Which start.
        generation: u64,
        /// How it went.
        report: StartReport,
    },
    /// The runtime did not become healthy.
    RuntimeFailed {
        /// Which start.
        generation: u64,
        /// Why.
        diagnostic: Diagnostic,
    },
    /// The runtime is stopped.
    Stopped,
    /// The runtime could not be stopped: whether it still runs is not known.
    StopFailed {
        /// Why.
        diagnostic: Diagnostic,
    },
    /// A healthy runtime ended by itself.
    RuntimeExited {
        /// Which start.
        generation: u64,
        /// How, for people.
        status: String,
        /// Why, if the driver knows.
        cause: Option<Diagnostic>,
    },
    /// The runtime says how it feels.
    Heartbeat(HeartbeatStatus),
    /// Runtime and files are gone.
    Destroyed,
    /// The engine has started again.
    EngineRestarted {
        /// The start whose runtime is still alive, if there is one.
        alive: Option<u64>,
        /// A fresh access token, used if a runtime has to be started.
        token: Secret,
    },
}

/// What the engine must do after the record has been stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start the runtime of the record's generation.
    StartRuntime,
    /// Kill the runtime, keep the files.
    StopRuntime,
    /// Kill the runtime and remove the files.
    DestroyRuntime,
}

/// The record after an event, and what to do.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The record to store.
    pub record: SandboxRecord,
    /// What to do then, in order.
    pub effects: Vec<Effect>,
}

/// Why an event that a client asked for does not apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The sandbox is deleted.
    #[error("sandbox {id} is deleted: create a new one")]
    Deleted {
        /// The sandbox.
        id: String,
    },
    /// The sandbox is in a state that does not allow it.
    #[error("sandbox {id} is {state}: {way_out}")]
    Conflict {
        /// The sandbox.
        id: String,
        /// The state that the call met.
        state: PublicState,
        /// What to do.
        way_out: &'static str,
        /// Why it is in that state.
        diagnostic: Option<Diagnostic>,
    },
}

/// Applies an event. Late or stale events change nothing and are no error; what a client asked for may be refused.
pub fn transition(record: SandboxRecord, event: Event, now: Timestamp) -> Result<Outcome, Refusal> {
    match event {
        Event::Connect { timeout_secs, token } => connect(record, timeout_secs, token, now),
        Event::Pause => pause(record, now),
        Event::Refresh { duration_secs } => refresh(record, duration_secs, now),
        Event::SetTimeout { timeout_secs } => set_timeout(record, timeout_secs, now),
        Event::Delete => delete(record, now),
        Event::DeadlinePassed => Ok(deadline_passed(record, now)),
        Event::RuntimeReady { generation, report } => Ok(ready(record, generation, report, now)),
        Event::RuntimeFailed { generation, diagnostic } => Ok(start_failed(record, generation, diagnostic, now)),
        Event::Stopped => Ok(stopped(record, now)),
        Event::StopFailed { diagnostic } => Ok(stop_failed(record, diagnostic, now)),
        Event::RuntimeExited { generation, status, cause } => Ok(exited(record, generation, &status, cause, now)),
        Event::Heartbeat(status) => Ok(heartbeat(record, status, now)),
        Event::Destroyed => Ok(destroyed(record, now)),
        Event::EngineRestarted { alive, token } => Ok(engine_restarted(record, alive, token, now)),
    }
}

fn unchanged(record: SandboxRecord) -> Outcome {
    Outcome { record, effects: Vec::new() }
}

fn refuse(record: &SandboxRecord, way_out: &'static str) -> Refusal {
    let id = record.id.clone();
    match record.state.public() {
        PublicState::Deleted => Refusal::Deleted { id },
        state => Refusal::Conflict { id, state, way_out, diagnostic: record.diagnostic.clone() },
    }
}

const FAILED_WAY_OUT: &str = "its diagnostic says why; delete() it and create a new one";
const PAUSED_WAY_OUT: &str = "it has no running TTL; connect({ timeout }) resumes it with a new one";

fn seconds(secs: u32) -> Duration {
    Duration::from_secs(secs.into())
}

fn connect(mut record: SandboxRecord, timeout_secs: u32, token: Secret, now: Timestamp) -> Result<Outcome, Refusal> {
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
            start_again(&mut record, token, "resuming", "same files, new processes", now);
            Ok(Outcome { record, effects: vec![Effect::StartRuntime] })
        }
        _ => Err(refuse(&record, FAILED_WAY_OUT)),
    }
}

fn start_again(record: &mut SandboxRecord, token: Secret, phase: &str, message: &str, now: Timestamp) {
    record.state = InternalState::Creating;
    record.generation += 1;
    record.token = token;
    record.note(phase, PhaseStatus::InProgress, now, message.to_owned());
}

fn pause(mut record: SandboxRecord, now: Timestamp) -> Result<Outcome, Refusal> {
    match record.state {
        InternalState::Stopped => Ok(unchanged(record)),
        InternalState::Creating | InternalState::Active => {
            stop(&mut record, now, "by request: files and metadata are kept".to_owned());
            Ok(Outcome { record, effects: vec![Effect::StopRuntime] })
        }
        _ => Err(refuse(&record, FAILED_WAY_OUT)),
    }
}

/// Its runtime is yet to be stopped.
fn stop(record: &mut SandboxRecord, now: Timestamp, message: String) {
    record.close_phase(PhaseStatus::Completed, now);
    record.state = InternalState::Stopped;
    record.paused_at = Some(now);
    record.note("paused", PhaseStatus::InProgress, now, message);
}

fn stopped(mut record: SandboxRecord, now: Timestamp) -> Outcome {
    if record.state == InternalState::Stopped {
        record.close_phase(PhaseStatus::Completed, now);
    }
    unchanged(record)
}

fn refresh(mut record: SandboxRecord, duration_secs: Option<u32>, now: Timestamp) -> Result<Outcome, Refusal> {
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

fn set_timeout(mut record: SandboxRecord, timeout_secs: u32, now: Timestamp) -> Result<Outcome, Refusal> {
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

fn delete(mut record: SandboxRecord, now: Timestamp) -> Result<Outcome, Refusal> {
    if record.state.public() == PublicState::Deleted {
        return Err(refuse(&record, ""));
    }
    destroy(&mut record, now, Diagnostic::new("deleted_by_user", "deleted by request"));
    Ok(Outcome { record, effects: vec![Effect::DestroyRuntime] })
}

fn destroy(record: &mut SandboxRecord, now: Timestamp, why: Diagnostic) {
    record.close_phase(PhaseStatus::Completed, now);
    record.state = InternalState::Destroying;
    record.deleted_at = Some(now);
    record.note("deleted", PhaseStatus::InProgress, now, why.message.clone());
    record.diagnostic = Some(why);
}

fn destroyed(mut record: SandboxRecord, now: Timestamp) -> Outcome {
    if record.state == InternalState::Destroying {
        record.close_phase(PhaseStatus::Completed, now);
        record.state = InternalState::Destroyed;
        // Nobody can use them any more.
        record.env_vars.clear();
        record.token = Secret::default();
    }
    unchanged(record)
}

fn deadline_passed(mut record: SandboxRecord, now: Timestamp) -> Outcome {
    if record.state == InternalState::Destroying {
        // An earlier attempt to remove it failed.
        return Outcome { record, effects: vec![Effect::DestroyRuntime] };
    }
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

fn ready(mut record: SandboxRecord, generation: u64, report: StartReport, now: Timestamp) -> Outcome {
    if record.state == InternalState::Creating && record.generation == generation {
        record.note_start(report, now);
        record.state = InternalState::Active;
        record.activated_at = Some(now);
        record.diagnostic = None;
        record.note("ready", PhaseStatus::Completed, now, "the agent is healthy".to_owned());
    }
    unchanged(record)
}

fn fail(record: &mut SandboxRecord, diagnostic: Diagnostic, now: Timestamp) {
    record.close_phase(PhaseStatus::Failed, now);
    record.note("failed", PhaseStatus::Failed, now, diagnostic.message.clone());
    record.diagnostic = Some(diagnostic);
    record.state = InternalState::Failed;
}

fn start_failed(mut record: SandboxRecord, generation: u64, diagnostic: Diagnostic, now: Timestamp) -> Outcome {
    if record.state == InternalState::Creating && record.generation == generation {
        fail(&mut record, diagnostic, now);
        if record.activated_at.is_some() {
            // The files are someone's work, and the next connect may succeed.
            stop(&mut record, now, "it did not start again: files and metadata are kept".to_owned());
            return stopped(record, now);
        }
    }
    unchanged(record)
}

fn stop_failed(mut record: SandboxRecord, diagnostic: Diagnostic, now: Timestamp) -> Outcome {
    if record.state == InternalState::Stopped {
        fail(&mut record, diagnostic, now);
    }
    unchanged(record)
}

fn exited(
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

fn heartbeat(mut record: SandboxRecord, status: HeartbeatStatus, now: Timestamp) -> Outcome {
    let alive = matches!(record.state, InternalState::Creating | InternalState::Active);
    if status != HeartbeatStatus::Error || !alive {
        return unchanged(record);
    }
    let diagnostic = Diagnostic::new("heartbeat_error", "its runtime reported an error").recommend("read its logs");
    fail(&mut record, diagnostic, now);
    Outcome { record, effects: vec![Effect::StopRuntime] }
}

fn engine_restarted(mut record: SandboxRecord, alive: Option<u64>, token: Secret, now: Timestamp) -> Outcome {
    match record.state {
        InternalState::Creating | InternalState::Active if now >= record.end_at => deadline_passed(record, now),
        InternalState::Creating if alive == Some(record.generation) => {
            let generation = record.generation;
            ready(record, generation, StartReport::default(), now)
        }
        InternalState::Active if alive == Some(record.generation) => {
            let message = "the engine was restarted: the same runtime and processes".to_owned();
            record.note("adopted", PhaseStatus::Completed, now, message);
            unchanged(record)
        }
        InternalState::Creating | InternalState::Active => {
            record.close_phase(PhaseStatus::Failed, now);
            start_again(&mut record, token, "restarting", "the engine was restarted: same files, new processes", now);
            Outcome { record, effects: vec![Effect::StartRuntime] }
        }
        InternalState::Destroying => Outcome { record, effects: vec![Effect::DestroyRuntime] },
        // Nothing runs that is not adopted.
        _ => stopped(record, now),
    }
}
