//! The lifecycle service: applies events to stored records and carries out the effects.

mod background;
mod condition;
mod connections;
mod creations;
mod names;
mod recovery;
mod report;
mod retries;
mod starts;
mod turn;
mod warming;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, InternalState, LogsQuery, MetricSnapshot, PublicState, SandboxLogs, UsageLimit};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::{Admission, Metric};
use crate::changes::{ChangeFilter, Changes, Follower};
use crate::clock::Clock;
use crate::deadlines::Deadlines;
use crate::disk::DiskLimits;
use crate::driver::{Driver, LimitsLevel, RuntimeNotice};
use crate::error::EngineError;
use crate::lifecycle::SandboxRecord;
use crate::logs::Logs;
use crate::probe::Probe;
use crate::settings::Settings;
use crate::slots::Slots;
use crate::store::{CachedStore, ListFilter, Page, Store};
use crate::telemetry::Telemetry;
use crate::templates::Templates;
use crate::warm::WarmPool;
pub use condition::Condition;
pub(crate) use condition::is_exhausted;
pub use connections::Connected;
pub use creations::Accepted;
use retries::Retries;
use starts::READY_HOLD;

const NOTICE_QUEUE: usize = 1024;
/// How long a shutdown waits for changes that are under way; the next engine finishes the others.
const FINISH_LIMIT: Duration = Duration::from_secs(3);

/// The lifecycle of all sandboxes of one engine.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

/// What a service works with.
pub struct ServiceParts {
    /// Where records are.
    pub store: Arc<dyn Store>,
    /// Where logs are.
    pub logs: Arc<dyn Logs>,
    /// What runs sandboxes.
    pub driver: Arc<dyn Driver>,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// What sandboxes are made from.
    pub templates: Templates,
}

struct Inner {
    store: Arc<dyn Store>,
    driver: Arc<dyn Driver>,
    clock: Arc<dyn Clock>,
    templates: Templates,
    limits_level: LimitsLevel,
    admission: Admission,
    warm: Arc<WarmPool>,
    deadlines: Deadlines,
    retries: Retries,
    slots: Slots,
    changes: Changes,
    probes: Probes,
    /// What could not be taken up at the start.
    recovery_problems: OnceLock<Vec<Diagnostic>>,
    telemetry: Telemetry,
    disk_limits: DiskLimits,
    data_dir: Option<PathBuf>,
    logs: Arc<dyn Logs>,
    notices: mpsc::Sender<RuntimeNotice>,
    tasks: TaskTracker,
    /// Those of the tasks that change a sandbox now: none of them waits for a start.
    changes_under_way: TaskTracker,
    closing: CancellationToken,
}

/// What is looked at now and then.
struct Probes {
    store: Probe,
    driver: Probe,
}

impl Default for Probes {
    fn default() -> Self {
        Self {
            store: Probe::new(Duration::from_secs(1), Duration::from_secs(2)),
            // It starts a process.
            driver: Probe::new(Duration::from_secs(5), Duration::from_secs(3)),
        }
    }
}

/// A record and how the call met it.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The record now.
    pub record: SandboxRecord,
    /// The public state before.
    pub previous: PublicState,
}

impl Service {
    /// Takes up the work: what the store says was running is started again, what is over is ended.
    pub async fn start(parts: ServiceParts, settings: Settings) -> Result<Self, EngineError> {
        let ServiceParts { store, logs, driver, clock, templates } = parts;
        let limits_level = driver.limits_level().await;
        tracing::info!("sandboxes' limits are {limits_level}");
        let (passed_sender, passed) = mpsc::unbounded_channel();
        let (notices_sender, notices) = mpsc::channel(NOTICE_QUEUE);
        let deadlines = Deadlines::start(clock.clone(), passed_sender);
        let closing = CancellationToken::new();
        let changes = Changes::new(clock.now(), closing.clone());
        let service = Self {
            inner: Arc::new(Inner {
                store: Arc::new(CachedStore::new(store)),
                driver,
                clock,
                templates,
                limits_level,
                admission: Admission::new(settings.limits),
                warm: Arc::new(WarmPool::new(settings.warm)),
                deadlines,
                retries: Retries::default(),
                slots: Slots::default(),
                changes,
                probes: Probes::default(),
                recovery_problems: OnceLock::new(),
                telemetry: Telemetry::default(),
                disk_limits: settings.disk,
                data_dir: settings.data_dir,
                logs,
                notices: notices_sender,
                tasks: TaskTracker::new(),
                changes_under_way: TaskTracker::new(),
                closing,
            }),
        };
        service.watch_deadlines(passed);
        service.watch_runtimes(notices);
        service.recover().await?;
        service.sweep_tombstones();
        service.keep_warm();
        Ok(service)
    }

    /// The record, tombstones included.
    pub async fn detail(&self, id: &str) -> Result<SandboxRecord, EngineError> {
        let record = self.inner.store.load(id).await?;
        let oldest = self.oldest_tombstone();
        let record = record.filter(|record| record.tombstone_since().is_none_or(|since| since >= oldest));
        record.ok_or_else(|| EngineError::NotFound(id.to_owned()))
    }

    /// The record once the sandbox is no longer starting, or `hold` has passed, at most 30 s.
    pub async fn detail_held(&self, id: &str, hold: Duration) -> Result<SandboxRecord, EngineError> {
        self.wait_ready(self.detail(id).await?, hold.min(READY_HOLD)).await
    }

    /// A page of the list, newest first.
    pub async fn list(&self, filter: &ListFilter) -> Result<Page, EngineError> {
        let filter = ListFilter { tombstones_since: Some(self.oldest_tombstone()), ..filter.clone() };
        Ok(self.inner.store.list(&filter).await?)
    }

    /// Follows the changes of records, from now on or after one that was seen before.
    pub fn follow(&self, filter: ChangeFilter, after: Option<u64>) -> Result<Follower, EngineError> {
        self.check_open()?;
        Ok(self.inner.changes.follow(filter, after))
    }

    /// How each limit stands.
    pub fn usage(&self) -> [(Metric, UsageLimit); 3] {
        Metric::ALL.map(|metric| (metric, self.inner.admission.usage(metric, self.now())))
    }

    /// What sandboxes can be made from.
    pub fn templates(&self) -> &Templates {
        &self.inner.templates
    }

    /// One window of the sandbox's log.
    pub async fn logs(&self, id: &str, query: &LogsQuery) -> Result<SandboxLogs, EngineError> {
        self.detail(id).await?;
        Ok(self.inner.logs.read(id, query).await?)
    }

    /// The sandbox's counters now.
    pub async fn metrics(&self, id: &str) -> Result<MetricSnapshot, EngineError> {
        let record = self.detail(id).await?;
        Ok(match record.state {
            InternalState::Active => {
                MetricSnapshot { collected_at: Some(self.now()), ..self.inner.driver.stats(id).await }
            }
            state => MetricSnapshot::unavailable(id, self.now(), format!("sandbox is {}", state.public())),
        })
    }

    /// Ends the waits, lets calls under way finish, and stops every runtime. Records stay as they are.
    pub async fn shut_down(&self) {
        self.inner.closing.cancel();
        self.inner.tasks.close();
        self.inner.changes_under_way.close();
        if tokio::time::timeout(FINISH_LIMIT, self.inner.changes_under_way.wait()).await.is_err() {
            tracing::warn!("some changes of sandboxes are not finished: the next engine finishes them");
        }
        self.end_all_warm().await;
        self.inner.driver.shut_down().await;
        self.inner.tasks.wait().await;
        self.inner.logs.close().await;
        self.inner.store.close().await;
    }

    /// Which limits of sandboxes hold, and by what.
    pub fn limits_level(&self) -> &LimitsLevel {
        &self.inner.limits_level
    }

    /// Opens a stream to a sandbox's agent.
    pub fn driver(&self) -> Arc<dyn Driver> {
        self.inner.driver.clone()
    }

    /// The engine's time.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn check_open(&self) -> Result<(), EngineError> {
        if self.inner.closing.is_cancelled() { Err(EngineError::ShuttingDown) } else { Ok(()) }
    }

    /// Runs to its end even if the caller's future is dropped.
    async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        // A task that panicked or was dropped at shutdown has no answer.
        self.inner.tasks.spawn(work).await.unwrap_or(Err(EngineError::ShuttingDown))
    }
}
