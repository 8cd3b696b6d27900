use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use sandbar_protocol::{
    CreateOptions, DEFAULT_TIMEOUT_SECS, Diagnostic, InternalState, PhaseStatus, Secret, TimelineEvent,
};
use serde::{Deserialize, Serialize};

use super::machine::{Effect, Outcome};
use crate::clock::{after, before, between};
use crate::driver::RuntimeLimits;
use crate::driver::StartReport;
use crate::templates::Template;

/// How long a deleted sandbox's detail can still be read.
pub const TOMBSTONE_KEPT: Duration = Duration::from_secs(24 * 3600);
/// The first events say how it began, the last how it is: the middle goes first.
const MAX_TIMELINE: usize = 100;
const KEPT_FROM_START: usize = 10;

/// Everything that the engine knows of a sandbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SandboxRecord {
    /// Its ID.
    pub id: String,
    /// The template it was made from.
    pub template_id: String,
    /// Where it is.
    #[serde(with = "state_word")]
    pub state: InternalState,
    /// Its own timeout in seconds: what a refresh without a duration extends by.
    pub timeout_secs: u32,
    /// The project that it was created in: that of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Whether the end of the TTL pauses instead of deletes.
    pub auto_pause: bool,
    /// The request's environment.
    pub env_vars: BTreeMap<String, Secret>,
    /// The user's own words.
    pub metadata: BTreeMap<String, String>,
    /// CPUs, for people.
    pub cpu_count: u32,
    /// Memory in MiB.
    pub memory_mb: u64,
    /// Disk in MiB.
    pub disk_size_mb: u64,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its runtime last became usable.
    pub activated_at: Option<Timestamp>,
    /// When its TTL ends; while paused, as it stood at the pause.
    pub end_at: Timestamp,
    /// When it was paused: the TTL stands still since then.
    pub paused_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Counts its starts, so that a late word from an earlier runtime is told apart.
    pub generation: u64,
    /// The access token of the current runtime.
    pub token: Secret,
    /// What happened, oldest first.
    pub timeline: Vec<TimelineEvent>,
    /// How many entries its timeline was given, those that have been left out again included.
    #[serde(default)]
    pub timeline_count: u64,
    /// When it was restarted as the process that held it was lost, as far as that still counts.
    #[serde(default)]
    pub lost_at: Vec<Timestamp>,
    /// Why it is where it is.
    pub diagnostic: Option<Diagnostic>,
}

/// What a create needs beyond the request: chance and facts come from outside.
#[derive(Clone, Debug)]
pub struct NewSandbox {
    /// A fresh ID.
    pub id: String,
    /// A fresh access token.
    pub token: Secret,
    /// The checked request.
    pub options: CreateOptions,
    /// The template it names.
    pub template: Template,
    /// The project that the request came from.
    pub project: Option<String>,
}

impl SandboxRecord {
    /// Accepts a create: the record, and the runtime to start.
    pub fn create(new: NewSandbox, now: Timestamp) -> Outcome {
        let timeout_secs = new.options.timeout.unwrap_or(DEFAULT_TIMEOUT_SECS);
        let mut record = Self {
            id: new.id,
            template_id: new.options.template_id,
            state: InternalState::Creating,
            timeout_secs,
            project: new.project,
            auto_pause: new.options.auto_pause,
            env_vars: new.options.env_vars,
            metadata: new.options.metadata,
            cpu_count: new.template.cpu_count,
            memory_mb: new.template.memory_mb,
            disk_size_mb: new.template.disk_size_mb,
            created_at: now,
            activated_at: None,
            end_at: after(now, Duration::from_secs(timeout_secs.into())),
            paused_at: None,
            deleted_at: None,
            generation: 1,
            token: new.token,
            timeline: Vec::new(),
            timeline_count: 0,
            lost_at: Vec::new(),
            diagnostic: None,
        };
        record.note("created", PhaseStatus::Completed, now, format!("template {}", record.template_id));
        record.note("starting", PhaseStatus::InProgress, now, "a new runtime".to_owned());
        Outcome { record, effects: vec![Effect::StartRuntime] }
    }

    /// What its runtime may use.
    pub fn limits(&self) -> RuntimeLimits {
        RuntimeLimits { cpu_count: self.cpu_count, memory_mb: self.memory_mb, disk_size_mb: self.disk_size_mb }
    }

    /// When the timer must look at it again.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            InternalState::Creating | InternalState::Active => Some(self.end_at),
            // A failed sandbox that was to be kept at its end is kept: its files are someone's work.
            InternalState::Failed => (!self.auto_pause).then_some(self.end_at),
            _ => None,
        }
    }

    /// Since when it is a tombstone.
    pub fn tombstone_since(&self) -> Option<Timestamp> {
        self.deleted_at.filter(|_| self.state == InternalState::Destroyed)
    }

    /// Whether something that the engine began with it is not known to have ended.
    pub fn is_unfinished(&self) -> bool {
        self.timeline.iter().any(|event| event.status == Some(PhaseStatus::InProgress))
    }

    /// Why it is paused, if that is because it could not be resumed.
    pub fn failed_resume(&self) -> Option<&Diagnostic> {
        let is_start = |event: &&TimelineEvent| ["starting", "resuming", "restarting"].contains(&event.phase.as_str());
        let last_start = self.timeline.iter().rfind(is_start)?;
        let failed = self.state == InternalState::Stopped && last_start.status == Some(PhaseStatus::Failed);
        self.diagnostic.as_ref().filter(|_| failed)
    }

    /// What is left of the TTL: it stands still while the sandbox is paused.
    pub(super) fn remaining(&self, now: Timestamp) -> Duration {
        between(self.paused_at.unwrap_or(now), self.end_at)
    }

    pub(super) fn note(&mut self, phase: &str, status: PhaseStatus, now: Timestamp, message: String) {
        self.push(TimelineEvent {
            phase: phase.to_owned(),
            status: Some(status),
            timestamp: Some(now),
            message: Some(message),
            duration_ms: None,
        });
    }

    /// What the start that was going on consisted of.
    pub(super) fn note_start(&mut self, report: StartReport, now: Timestamp) {
        let mut start = now;
        if let Some(event) = self.going_on() {
            start = event.timestamp.unwrap_or(now);
            if event.phase == "starting" {
                event.message = Some(if report.warm { "claimed a warm runtime" } else { "cold start" }.to_owned());
            }
        }
        self.close_phase(PhaseStatus::Completed, now);
        let mut left: Duration = report.phases.iter().map(|(_, took)| *took).sum();
        for (phase, took) in report.phases {
            // The driver measures durations alone: the last of them ended now.
            let begun = before(now, left).max(start);
            left = left.saturating_sub(took);
            self.push(TimelineEvent {
                phase,
                status: Some(PhaseStatus::Completed),
                timestamp: Some(begun),
                message: None,
                duration_ms: Some(millis(took)),
            });
        }
    }

    /// The entries that an earlier state of this record did not have; without one, all. By count, not by place: old
    /// entries are left out.
    pub fn timeline_since(&self, earlier: Option<&Self>) -> &[TimelineEvent] {
        let new = self.timeline_count.saturating_sub(earlier.map_or(0, |earlier| earlier.timeline_count));
        let new = usize::try_from(new).unwrap_or(usize::MAX);
        self.timeline.get(self.timeline.len().saturating_sub(new)..).unwrap_or_default()
    }

    fn push(&mut self, event: TimelineEvent) {
        self.timeline.push(event);
        self.timeline_count += 1;
        if self.timeline.len() > MAX_TIMELINE {
            self.timeline.remove(KEPT_FROM_START);
        }
    }

    fn going_on(&mut self) -> Option<&mut TimelineEvent> {
        self.timeline.iter_mut().rfind(|event| event.status == Some(PhaseStatus::InProgress))
    }

    /// Ends the phase that was going on, if there is one.
    pub(super) fn close_phase(&mut self, status: PhaseStatus, now: Timestamp) {
        if let Some(event) = self.going_on() {
            event.status = Some(status);
            event.duration_ms = event.timestamp.map(|begun| millis(between(begun, now)));
        }
    }
}

/// To the microsecond.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

mod state_word {
    use sandbar_protocol::InternalState;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(state: &InternalState, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(state.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<InternalState, D::Error> {
        let word = String::deserialize(deserializer)?;
        InternalState::parse(&word).ok_or_else(|| de::Error::custom(format!("unknown state {word:?}")))
    }
}
