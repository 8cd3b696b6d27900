//! How many sandboxes there may be: held, active, and started per minute.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sandbar_protocol::{InternalState, UsageLimit};

use crate::clock::after;
use crate::recent_starts::RecentStarts;

/// The most that an engine takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// Sandboxes that are not deleted, paused ones included. Default 10,000.
    pub held: u64,
    /// Sandboxes that are starting or running. Default 1,000.
    pub active: u64,
    /// Creates and resumes within any minute. Default 10,000.
    pub starts_per_minute: u64,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self { held: 10_000, active: 1_000, starts_per_minute: 10_000 }
    }
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Sandboxes that are not deleted.
    Held,
    /// Sandboxes that are starting or running.
    Active,
    /// Starts within the last minute.
    Starts,
}

impl Metric {
    /// All, in the order in which they are checked.
    pub const ALL: [Self; 3] = [Self::Held, Self::Active, Self::Starts];

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "sandboxes",
            Self::Active => "activeSandboxes",
            Self::Starts => "startsPerMinute",
        }
    }

    /// What to do when it is reached.
    pub(crate) fn way_out(self) -> &'static str {
        match self {
            Self::Held => "delete sandboxes that are not needed, or raise --max-sandboxes",
            Self::Active => "pause or delete sandboxes that are not needed, or raise --max-active",
            Self::Starts => "wait as long as Retry-After says, or raise --max-starts-per-minute",
        }
    }
}

/// A start that would go over a limit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the limit of {} for {} is reached: {}", usage.limit, metric.name(), metric.way_out())]
pub struct LimitReached {
    /// Which limit.
    pub metric: Metric,
    /// How it stands.
    pub usage: UsageLimit,
    /// How long until there is room again, if waiting alone helps.
    pub retry_after: Option<Duration>,
}

/// Counts what there is, and refuses what would be too much.
pub(crate) struct Admission {
    limits: AdmissionLimits,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    held: u64,
    active: u64,
    starts: RecentStarts,
}

/// Places that a start has taken; given back when it is dropped before it is used.
#[must_use]
pub(crate) struct Places<'a> {
    admission: &'a Admission,
    weight: Weight,
    used: bool,
}

/// What a sandbox counts for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Weight {
    held: bool,
    active: bool,
}

impl Weight {
    fn of(state: Option<InternalState>) -> Self {
        match state {
            None | Some(InternalState::Destroying | InternalState::Destroyed) => Self::default(),
            Some(InternalState::Creating | InternalState::Active) => Self { held: true, active: true },
            Some(_) => Self { held: true, active: false },
        }
    }
}

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits) -> Self {
        Self { limits, counts: Mutex::default() }
    }

    /// Takes places for a change of state that starts a runtime; `None` if the change starts none.
    pub(crate) fn admit(
        &self,
        before: Option<InternalState>,
        after: InternalState,
        now: Timestamp,
    ) -> Result<Option<Places<'_>>, LimitReached> {
        let (before, after) = (Weight::of(before), Weight::of(Some(after)));
        if before.active || !after.active {
            return Ok(None);
        }
        let weight = Weight { held: !before.held, active: true };
        let mut counts = self.lock();
        counts.starts.advance(now);
        for metric in Metric::ALL.into_iter().filter(|metric| *metric != Metric::Held || weight.held) {
            let usage = counts.usage(metric, self.limits, now);
            if usage.remaining < 1.0 {
                let retry_after = (metric == Metric::Starts).then(|| counts.starts.until_next_forgotten(now));
                return Err(LimitReached { metric, usage, retry_after });
            }
        }
        counts.held += u64::from(weight.held);
        counts.active += 1;
        counts.starts.add();
        Ok(Some(Places { admission: self, weight, used: false }))
    }

    /// Counts a change of state that has been stored, with the places that were taken for it.
    pub(crate) fn moved(&self, before: Option<InternalState>, after: InternalState, places: Option<Places<'_>>) {
        let (before, after) = (Weight::of(before), Weight::of(Some(after)));
        let counted = places.as_ref().map(|places| places.weight).unwrap_or_default();
        places.into_iter().for_each(|mut places| places.used = true);
        let mut counts = self.lock();
        counts.held = moved(counts.held, before.held || counted.held, after.held);
        counts.active = moved(counts.active, before.active || counted.active, after.active);
    }

    /// How a limit stands.
    pub(crate) fn usage(&self, metric: Metric, now: Timestamp) -> UsageLimit {
        let mut counts = self.lock();
        counts.starts.advance(now);
        counts.usage(metric, self.limits, now)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn moved(count: u64, before: bool, after: bool) -> u64 {
    (count + u64::from(after)).saturating_sub(u64::from(before))
}

impl Counts {
    fn usage(&self, metric: Metric, limits: AdmissionLimits, now: Timestamp) -> UsageLimit {
        let (limit, used) = match metric {
            Metric::Held => (limits.held, self.held),
            Metric::Active => (limits.active, self.active),
            Metric::Starts => (limits.starts_per_minute, self.starts.total()),
        };
        let (limit, used) = (limit as f64, used as f64);
        let remaining = (limit - used).max(0.0);
        let full = metric == Metric::Starts && remaining < 1.0;
        let reset_at = full.then(|| after(now, self.starts.until_next_forgotten(now)));
        UsageLimit { limit, used, remaining, reset_at, enforced: true }
    }
}

impl Drop for Places<'_> {
    fn drop(&mut self) {
        if !self.used {
            let mut counts = self.admission.lock();
            counts.held = counts.held.saturating_sub(u64::from(self.weight.held));
            counts.active = counts.active.saturating_sub(1);
            counts.starts.take_back();
        }
    }
}
