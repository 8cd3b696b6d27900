//! How the engine does: which of its parts answer, and which limits are near.

use std::time::Duration;

use sandbar_protocol::{Diagnostic, UsageCheck};

use super::Service;
use crate::admission::Metric;
use crate::disk::{Disk, Room};
use crate::error::EngineError;
use crate::set_aside;
use crate::store::StoreError;

const MIB: u64 = 1024 * 1024;
/// From which share of a limit on there is a warning.
const NEAR: f64 = 0.8;
const USAGE: &str = "/api/v1/usage/limits";
const SUMMARY: &str = "/api/v1/observability/summary";

/// How the engine does.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The parts of the engine, and why one does not answer.
    pub parts: [(&'static str, Result<(), Diagnostic>); 3],
    /// The limits that are near or reached, and what to do.
    pub checks: Vec<(UsageCheck, &'static str)>,
    /// What the engine could not take up at its start, and what it has set aside.
    pub problems: Vec<Diagnostic>,
}

impl Condition {
    /// Whether every part answers, no limit is reached, and nothing waits for the operator.
    pub fn is_ok(&self) -> bool {
        self.reasons().next().is_none()
    }

    /// Why it is not.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        let parts = self.parts.iter().filter_map(|(_, part)| part.as_ref().err());
        let exhausted = self.checks.iter().map(|(check, _)| check).filter(|check| is_exhausted(check));
        let exhausted = exhausted.map(|check| check.message.as_str());
        parts.chain(&self.problems).map(|diagnostic| diagnostic.message.as_str()).chain(exhausted)
    }
}

/// Whether the limit is reached.
pub(crate) fn is_exhausted(check: &UsageCheck) -> bool {
    check.status == "exhausted"
}

impl Service {
    /// How the engine does. Cheap: what takes its time is looked at every few seconds only.
    pub async fn condition(&self) -> Condition {
        let parts = [
            ("store", self.check_store().await),
            ("runtime", self.check_driver().await),
            ("templates", self.check_templates().await),
        ];
        let limits = Metric::ALL.into_iter().filter_map(|metric| self.check_limit(metric));
        let checks = limits.chain(self.check_disk()).collect();
        Condition { parts, checks, problems: self.data_problems() }
    }

    /// What the engine could not take up at its start, and what it has set aside.
    pub(super) fn data_problems(&self) -> Vec<Diagnostic> {
        let recovery = self.inner.recovery_problems.get().into_iter().flatten().cloned();
        recovery.chain(self.check_set_aside()).collect()
    }

    /// Whether something that was set aside is still there.
    fn check_set_aside(&self) -> Option<Diagnostic> {
        let pieces = set_aside::list(self.inner.data_dir.as_deref()?);
        if pieces.is_empty() {
            return None;
        }
        let named = some_of(pieces.iter().map(|piece| piece.display().to_string()));
        let message = format!("the engine could not use parts of its data folder, and has set them aside: {named}");
        Some(Diagnostic::new("data_set_aside", message).recommend(
            "look through `set-aside` in the data folder, save what is needed, and remove it: `sandbar doctor` names the commands",
        ))
    }

    /// Whether the engine takes requests: it is not told to stop, and its store can be read and written. On a full disk
    /// all requests but creates are carried out.
    pub async fn check_serving(&self) -> Result<(), EngineError> {
        self.check_open()?;
        match self.check_store().await {
            Err(diagnostic) if diagnostic.reason != "disk_full" => Err(EngineError::StoreUnavailable(diagnostic)),
            _ => Ok(()),
        }
    }

    /// Whether the store can be read and written.
    async fn check_store(&self) -> Result<(), Diagnostic> {
        let store = self.inner.store.clone();
        let look = async move { store.probe().await.map_err(unwritable) };
        let late = |limit: Duration| store_failed(format!("the store did not answer within {} s", limit.as_secs()));
        self.inner.probes.store.outcome(look, late).await
    }

    /// Whether the driver can start sandboxes.
    async fn check_driver(&self) -> Result<(), Diagnostic> {
        let driver = self.inner.driver.clone();
        let late = |limit: Duration| {
            let message = format!("the driver did not answer within {} s", limit.as_secs());
            Diagnostic::new("runtime_silent", message).recommend("read the engine's log; the machine may be overloaded")
        };
        self.inner.probes.driver.outcome(async move { driver.check().await }, late).await
    }

    /// Whether templates can be looked up.
    async fn check_templates(&self) -> Result<(), Diagnostic> {
        self.inner.templates.check().await.map_err(|error| {
            Diagnostic::new("templates_unreadable", format!("the folder of templates can't be read: {error}"))
                .recommend("make `templates` in the data folder a folder that the engine's user may read")
        })
    }

    fn check_limit(&self, metric: Metric) -> Option<(UsageCheck, &'static str)> {
        let usage = self.inner.admission.usage(metric, self.now());
        let status = match () {
            () if usage.remaining < 1.0 => "exhausted",
            () if usage.used >= usage.limit * NEAR => "warning",
            () => return None,
        };
        let check = UsageCheck {
            status: status.to_owned(),
            scope: "user".to_owned(),
            resource: "sandboxes".to_owned(),
            metric: metric.name().to_owned(),
            used: usage.used,
            limit: usage.limit,
            remaining: usage.remaining,
            message: format!("{} of {} for {} are used", usage.used, usage.limit, metric.name()),
            usage_endpoint: USAGE.to_owned(),
        };
        Some((check, metric.way_out()))
    }

    fn check_disk(&self) -> Vec<(UsageCheck, &'static str)> {
        let Some(disk) = self.disk() else { return Vec::new() };
        let mib = |room: Room| Room { total: room.total / MIB, free: room.free / MIB };
        let bytes = self.check_room("diskMiB", disk.bytes, mib(disk.bytes));
        let files = disk.files.and_then(|files| self.check_room("diskFiles", files, files));
        bytes.into_iter().chain(files).collect()
    }

    /// The disk of the data folder.
    pub(super) fn disk(&self) -> Option<Disk> {
        self.inner.data_dir.as_deref().and_then(|folder| Disk::of(folder).ok())
    }

    fn check_room(&self, metric: &str, room: Room, shown: Room) -> Option<(UsageCheck, &'static str)> {
        let percent = room.free_percent();
        let status = match self.inner.disk_limits {
            limits if percent < limits.full_percent => "exhausted",
            limits if percent < limits.low_percent => "warning",
            _ => return None,
        };
        let check = UsageCheck {
            status: status.to_owned(),
            scope: "project".to_owned(),
            resource: "disk".to_owned(),
            metric: metric.to_owned(),
            used: shown.total.saturating_sub(shown.free) as f64,
            limit: shown.total as f64,
            remaining: shown.free as f64,
            message: format!("{percent:.1} % are free on the data folder's disk ({metric})"),
            usage_endpoint: SUMMARY.to_owned(),
        };
        Some((check, "make room on the data folder's disk (`df -h`, `df -i`): delete sandboxes that are not needed"))
    }
}

/// The first of many, and how many more there are.
pub(super) fn some_of(names: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 3;
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.take(SHOWN).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn unwritable(error: StoreError) -> Diagnostic {
    if error.is_disk_full() {
        let message = "the disk is full: new sandboxes are refused, those that are there can be paused and deleted";
        return Diagnostic::new("disk_full", message)
            .recommend("make room on the data folder's disk (`df -h`, `df -i`): delete sandboxes that are not needed");
    }
    store_failed(error.to_string())
}

fn store_failed(message: String) -> Diagnostic {
    tracing::error!("{message}");
    Diagnostic::new("store_failed", message)
        .recommend("check room and permissions of the data folder, and that no other program holds `engine.db` open")
}
