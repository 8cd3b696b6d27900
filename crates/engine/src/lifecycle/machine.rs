use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, HeartbeatStatus, PublicState, Secret};

use super::SandboxRecord;
use super::deadline::deadline_passed;
use super::moves::repeat_effects;
use super::requests::{connect, delete, pause, refresh, set_timeout};
use super::runtime::{destroyed, engine_restarted, exited, heartbeat, ready, start_failed, stopped};
use crate::driver::StartReport;

/// What can happen to a sandbox.
#[derive(Clone, Debug, PartialEq)]
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
    /// An effect failed, or its outcome is unknown: what is unfinished is carried out again.
    EffectsFailed,
    /// The engine has started again.
    EngineRestarted {
        /// The start that was the latest when the engine started.
        generation: u64,
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
        Event::RuntimeExited { generation, status, cause } => Ok(exited(record, generation, &status, cause, now)),
        Event::Heartbeat(status) => Ok(heartbeat(record, status, now)),
        Event::Destroyed => Ok(destroyed(record, now)),
        Event::EffectsFailed => Ok(repeat_effects(record)),
        Event::EngineRestarted { generation, alive, token } => {
            Ok(engine_restarted(record, generation, alive, token, now))
        }
    }
}
