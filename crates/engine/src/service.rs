//! The lifecycle service: applies events to stored records and carries out the effects.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sandbar_protocol::{
    CreateOptions, Diagnostic, InternalState, LogLevel, LogsQuery, MetricSnapshot, PhaseStatus, PublicState,
    SandboxLogs, Secret,
};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, after};
use crate::deadlines::Deadlines;
use crate::driver::{Driver, RuntimeNotice, RuntimeSpec};
use crate::error::EngineError;
use crate::lifecycle::{Effect, Event, NewSandbox, Outcome, SandboxRecord, TOMBSTONE_KEPT, transition};
use crate::logs::Logs;
use crate::slots::{Slot, Slots};
use crate::store::{Created, IdempotencyKey, ListFilter, Page, Store};
use crate::templates::Templates;

/// How long a request may wait for readiness; then the client goes on by itself.
const READY_HOLD: Duration = Duration::from_secs(30);
/// After a removal that failed, how long until the next attempt.
const DESTROY_RETRY: Duration = Duration::from_secs(30);
const NOTICE_QUEUE: usize = 1024;

/// The lifecycle of all sandboxes of one engine.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    driver: Arc<dyn Driver>,
    clock: Arc<dyn Clock>,
    templates: Templates,
    deadlines: Deadlines,
    slots: Slots,
    logs: Logs,
    notices: mpsc::Sender<RuntimeNotice>,
    tasks: TaskTracker,
    closing: CancellationToken,
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
    pub async fn start(
        store: Arc<dyn Store>,
        driver: Arc<dyn Driver>,
        clock: Arc<dyn Clock>,
        templates: Templates,
    ) -> Result<Self, EngineError> {
        let (passed_sender, passed) = mpsc::unbounded_channel();
        let (notices_sender, notices) = mpsc::channel(NOTICE_QUEUE);
        let deadlines = Deadlines::start(clock.clone(), passed_sender);
        let service = Self {
            inner: Arc::new(Inner {
                store,
                driver,
                clock,
                templates,
                deadlines,
                slots: Slots::default(),
                logs: Logs::default(),
                notices: notices_sender,
                tasks: TaskTracker::new(),
                closing: CancellationToken::new(),
            }),
        };
        service.watch_deadlines(passed);
        service.watch_runtimes(notices);
        service.recover().await?;
        Ok(service)
    }

    /// Accepts a create; with `wait_ready` it answers once the sandbox is usable, failed, or 30 s have passed.
    pub async fn create(&self, options: CreateOptions, key: Option<String>) -> Result<SandboxRecord, EngineError> {
        self.check_open()?;
        let key = key.map(|key| IdempotencyKey { key, body_hash: hash(&options) });
        let template = self.inner.templates.find(&options.template_id).await?;
        let wait_ready = options.wait_ready;
        let new = NewSandbox { id: new_id(), token: new_token(), options, template };
        let outcome = SandboxRecord::create(new, self.now());
        let service = self.clone();
        let record = self.detached(async move { service.accept(outcome, key.as_ref()).await }).await?;
        if wait_ready { self.wait_ready(record).await } else { Ok(record) }
    }

    async fn accept(&self, outcome: Outcome, key: Option<&IdempotencyKey>) -> Result<SandboxRecord, EngineError> {
        let slot = self.inner.slots.get(&outcome.record.id);
        let mut turn = slot.turn.lock().await;
        match self.inner.store.create(&outcome.record, key).await? {
            Created::New => {
                tracing::info!(sandbox = outcome.record.id, template = outcome.record.template_id, "accepted");
                self.announce(&slot, None, &outcome.record);
                self.carry_out(&slot, &mut turn, outcome).await
            }
            Created::Repeat(id) => self.detail(&id).await,
            Created::KeyReused => Err(EngineError::IdempotencyKeyReused),
        }
    }

    /// Connects: extends the TTL, and resumes a paused sandbox. Answers once it is usable, or 30 s have passed.
    pub async fn connect(&self, id: &str, timeout_secs: u32) -> Result<Applied, EngineError> {
        let mut applied = self.apply(id, Event::Connect { timeout_secs, token: new_token() }).await?;
        applied.record = self.wait_ready(applied.record).await?;
        if applied.record.state == InternalState::Stopped
            && let Some(diagnostic) = applied.record.diagnostic.clone()
        {
            return Err(EngineError::ResumeFailed { id: id.to_owned(), diagnostic });
        }
        Ok(applied)
    }

    /// The record, tombstones included.
    pub async fn detail(&self, id: &str) -> Result<SandboxRecord, EngineError> {
        self.inner.store.load(id).await?.ok_or_else(|| EngineError::NotFound(id.to_owned()))
    }

    /// A page of the list, newest first.
    pub async fn list(&self, filter: &ListFilter) -> Result<Page, EngineError> {
        Ok(self.inner.store.list(filter).await?)
    }

    /// How many sandboxes are held, without the deleted.
    pub async fn count(&self) -> Result<u64, EngineError> {
        Ok(self.inner.store.count(&ListFilter::states_of(&[])).await?)
    }

    /// How many templates there are.
    pub async fn template_count(&self) -> usize {
        self.inner.templates.names().await.len()
    }

    /// Whether the driver can start sandboxes.
    pub async fn check_driver(&self) -> Result<(), Diagnostic> {
        self.inner.driver.check().await
    }

    /// One window of the sandbox's log.
    pub async fn logs(&self, id: &str, query: &LogsQuery) -> Result<SandboxLogs, EngineError> {
        self.detail(id).await?;
        Ok(self.inner.logs.read(id, query))
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

    /// Applies what a client asked for and carries it out: fully, even if the client goes away, or not at all.
    pub async fn apply(&self, id: &str, event: Event) -> Result<Applied, EngineError> {
        self.check_open()?;
        let service = self.clone();
        let id = id.to_owned();
        self.detached(async move { service.apply_in_turn(&id, event).await }).await
    }

    async fn apply_in_turn(&self, id: &str, event: Event) -> Result<Applied, EngineError> {
        let slot = self.inner.slots.get(id);
        let mut turn = slot.turn.lock().await;
        let before = self.detail(id).await?;
        let previous = before.state.public();
        let outcome = transition(before.clone(), event, self.now())?;
        if outcome.record != before {
            self.inner.store.save(&outcome.record).await?;
        }
        self.announce(&slot, Some(&before), &outcome.record);
        let record = self.carry_out(&slot, &mut turn, outcome).await?;
        Ok(Applied { record, previous })
    }

    /// Tells the timer, the log and those who wait.
    fn announce(&self, slot: &Slot, before: Option<&SandboxRecord>, record: &SandboxRecord) {
        self.inner.deadlines.set(&record.id, record.deadline());
        let known = before.map_or(0, |before| before.timeline.len());
        for event in record.timeline.iter().skip(known) {
            let level = if event.status == Some(PhaseStatus::Failed) { LogLevel::Error } else { LogLevel::Info };
            let message = format!("{}: {}", event.phase, event.message.as_deref().unwrap_or_default());
            tracing::info!(sandbox = record.id, "{message}");
            self.inner.logs.add(&record.id, level, "engine", message, self.now());
        }
        slot.state.send_replace(Some(record.state));
    }

    async fn carry_out(
        &self,
        slot: &Arc<Slot>,
        starting: &mut Option<tokio::task::JoinHandle<()>>,
        outcome: Outcome,
    ) -> Result<SandboxRecord, EngineError> {
        let mut record = outcome.record;
        for effect in outcome.effects {
            if effect != Effect::StartRuntime
                && let Some(start) = starting.take()
            {
                // A start that is under way ends first: the driver leaves nothing of it.
                start.abort();
                let _ = start.await;
            }
            match effect {
                Effect::StartRuntime => *starting = Some(self.spawn_start(slot.clone(), record.clone())),
                Effect::StopRuntime => {
                    if let Err(diagnostic) = self.inner.driver.stop(&record.id).await {
                        self.follow_up(slot, record, Event::StopFailed { diagnostic: diagnostic.clone() }).await?;
                        return Err(EngineError::Driver(diagnostic));
                    }
                }
                Effect::DestroyRuntime => {
                    if let Err(diagnostic) = self.inner.driver.destroy(&record.id).await {
                        tracing::error!(sandbox = record.id, reason = diagnostic.reason, "{}", diagnostic.message);
                        self.inner.deadlines.set(&record.id, Some(after(self.now(), DESTROY_RETRY)));
                        return Err(EngineError::Driver(diagnostic));
                    }
                    record = self.follow_up(slot, record, Event::Destroyed).await?;
                }
                Effect::Forget => {
                    self.inner.store.forget(&record.id).await?;
                    let oldest = self.now().checked_sub(TOMBSTONE_KEPT).unwrap_or(Timestamp::MIN);
                    self.inner.store.forget_keys_before(oldest).await?;
                    self.inner.logs.forget(&record.id);
                }
            }
        }
        Ok(record)
    }

    async fn follow_up(&self, slot: &Slot, before: SandboxRecord, event: Event) -> Result<SandboxRecord, EngineError> {
        let outcome = transition(before.clone(), event, self.now())?;
        self.inner.store.save(&outcome.record).await?;
        self.announce(slot, Some(&before), &outcome.record);
        Ok(outcome.record)
    }

    /// Starts the runtime beside the call, so that a pause or delete can end the start.
    fn spawn_start(&self, slot: Arc<Slot>, record: SandboxRecord) -> tokio::task::JoinHandle<()> {
        let service = self.clone();
        self.inner.tasks.spawn(async move {
            let (id, generation) = (record.id.clone(), record.generation);
            let event = match service.start_runtime(record).await {
                Ok(()) => Event::RuntimeReady { generation },
                Err(diagnostic) => Event::RuntimeFailed { generation, diagnostic },
            };
            // Its own task: the call that ends this start holds the turn that the event waits for.
            let poster = service.clone();
            service.inner.tasks.spawn(async move { poster.post(&id, event).await });
            drop(slot);
        })
    }

    async fn start_runtime(&self, record: SandboxRecord) -> Result<(), Diagnostic> {
        let template = self.inner.templates.find(&record.template_id).await.map_err(|error| error.diagnostic())?;
        let mut env_vars = template.env_vars;
        env_vars.extend(record.env_vars);
        let spec = RuntimeSpec {
            sandbox_id: record.id,
            generation: record.generation,
            env_vars,
            start_command: template.start_command,
            ready_command: template.ready_command,
        };
        self.inner.driver.start(spec, self.inner.notices.clone()).await
    }

    /// Applies what happened by itself; there is no one to tell but the log.
    async fn post(&self, id: &str, event: Event) {
        // Runtimes that end because the engine does are no news: the store keeps what they were.
        if self.inner.closing.is_cancelled() {
            return;
        }
        match self.apply_in_turn(id, event).await {
            Ok(_) | Err(EngineError::NotFound(_)) => {}
            Err(error) => tracing::error!(sandbox = id, "{error}"),
        }
    }

    async fn wait_ready(&self, record: SandboxRecord) -> Result<SandboxRecord, EngineError> {
        if record.state.public() != PublicState::Starting {
            return Ok(record);
        }
        let slot = self.inner.slots.get(&record.id);
        let mut states = slot.state.subscribe();
        // From here on no change is missed; what happened before is in the store.
        let record = self.detail(&record.id).await?;
        if record.state.public() != PublicState::Starting {
            return Ok(record);
        }
        let usable = states.wait_for(|state| state.is_some_and(|state| state.public() != PublicState::Starting));
        tokio::select! {
            _ = tokio::time::timeout(READY_HOLD, usable) => {}
            () = self.inner.closing.cancelled() => {}
        }
        self.detail(&record.id).await
    }

    fn watch_deadlines(&self, mut passed: mpsc::UnboundedReceiver<String>) {
        let service = self.clone();
        let closing = self.inner.closing.clone();
        tokio::spawn(closing.run_until_cancelled_owned(async move {
            while let Some(id) = passed.recv().await {
                let poster = service.clone();
                service.inner.tasks.spawn(async move { poster.post(&id, Event::DeadlinePassed).await });
            }
        }));
    }

    fn watch_runtimes(&self, mut notices: mpsc::Receiver<RuntimeNotice>) {
        let service = self.clone();
        let closing = self.inner.closing.clone();
        tokio::spawn(closing.run_until_cancelled_owned(async move {
            while let Some(notice) = notices.recv().await {
                match notice {
                    RuntimeNotice::Output { sandbox_id, level, line } => {
                        service.inner.logs.add(&sandbox_id, level, "runtime", line, service.now());
                    }
                    RuntimeNotice::Exited { sandbox_id, generation, status } => {
                        let poster = service.clone();
                        let event = Event::RuntimeExited { generation, status };
                        service.inner.tasks.spawn(async move { poster.post(&sandbox_id, event).await });
                    }
                }
            }
        }));
    }

    /// Nobody sees a state of the earlier engine: this ends before the first request.
    async fn recover(&self) -> Result<(), EngineError> {
        let filter =
            ListFilter { states: InternalState::ALL.to_vec(), limit: i64::MAX as u64, ..ListFilter::default() };
        let records = self.inner.store.list(&filter).await?.records;
        let unfinished = [InternalState::Creating, InternalState::Active, InternalState::Destroying];
        futures_util::future::join_all(records.iter().map(async |record| {
            self.inner.deadlines.set(&record.id, record.deadline());
            if unfinished.contains(&record.state) {
                self.post(&record.id, Event::EngineRestarted { token: new_token() }).await;
            }
        }))
        .await;
        Ok(())
    }

    /// Ends the waits, lets calls under way finish, and stops every runtime. Records stay as they are.
    pub async fn shut_down(&self) {
        self.inner.closing.cancel();
        self.inner.tasks.close();
        self.inner.driver.shut_down().await;
        self.inner.tasks.wait().await;
        self.inner.store.close().await;
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

fn new_id() -> String {
    const CHARS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    // Lower-case letters and digits only: an ID can stand in a host name.
    let bytes = uuid::Uuid::new_v4().into_bytes();
    let more = uuid::Uuid::new_v4().into_bytes();
    let chars = bytes.iter().chain(&more).map(|byte| char::from(CHARS[usize::from(*byte) % CHARS.len()]));
    format!("sb-{}", chars.take(20).collect::<String>())
}

fn new_token() -> Secret {
    Secret::new(format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()))
}

fn hash(options: &CreateOptions) -> [u8; 32] {
    // Maps are sorted: the same request has the same text.
    let text = serde_json::to_vec(options).unwrap_or_default();
    Sha256::digest(text).into()
}
