use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, MetricSnapshot};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, silent};
use super::inbox::{Inbox, lost};
use super::messages::{Answer, Call, VERSION};
use super::process::{self, KeeperCommand, KeeperConfig};
use super::removals::Removals;
use super::restarts::Restarts;
use crate::driver::{
    AgentSockets, Driver, FoundRuntime, KnownSandbox, LimitsLevel, RuntimeNotice, RuntimeSpec, RuntimeStream,
    StartReport, shutting_down,
};
use crate::priority;

/// How long each call may take; without an answer by then its outcome is unknown, and the error is `keeper_silent`.
mod limit {
    use std::time::Duration;

    /// A keeper that runs answers at once.
    pub(super) const HELLO: Duration = Duration::from_secs(10);
    /// One that was just started ends what an earlier one has left first.
    pub(super) const FIRST_HELLO: Duration = Duration::from_secs(60);
    /// It starts a process.
    pub(super) const CHECK: Duration = Duration::from_secs(10);
    pub(super) const LEVEL: Duration = Duration::from_secs(10);
    /// It removes what no record knows.
    pub(super) const RECOVER: Duration = Duration::from_secs(300);
    pub(super) const WARM: Duration = Duration::from_secs(30);
    /// Beyond the time that the agent may take to become healthy.
    pub(super) const START_MARGIN: Duration = Duration::from_secs(30);
    pub(super) const STOP: Duration = Duration::from_secs(10);
    pub(super) const DESTROY: Duration = Duration::from_secs(30);
    pub(super) const STATS: Duration = Duration::from_secs(5);
    /// Of all sandboxes; then the keeper is killed.
    pub(super) const SHUT_DOWN: Duration = Duration::from_secs(8);
    /// From its last answer to the end of its process.
    pub(super) const END: Duration = Duration::from_secs(5);
}

/// A driver in a process of its own, which outlives this one.
pub struct KeptDriver(Arc<Client>);

struct Client {
    config: KeeperConfig,
    command: KeeperCommand,
    inbox: Arc<Inbox>,
    /// The keeper that was reached last.
    link: Mutex<Option<Arc<Link>>>,
    /// Held while a keeper is started.
    restarts: tokio::sync::Mutex<Restarts>,
    closing: CancellationToken,
    removals: Removals,
}

/// A keeper that answered.
struct Link {
    connection: Connection,
    sockets: AgentSockets,
}

impl KeptDriver {
    /// Reaches the keeper that an earlier engine left in the data folder, or starts one with `command`.
    pub async fn open(config: KeeperConfig, command: KeeperCommand) -> Result<Self, Diagnostic> {
        priority::come_first();
        let inbox = Arc::new(Inbox::default());
        let link = match Link::to_running(&config, &inbox).await? {
            Some(link) => link,
            None => Link::to_new(&config, &command, &inbox).await?,
        };
        let link = Mutex::new(Some(Arc::new(link)));
        Ok(Self(Arc::new(Client {
            config,
            command,
            inbox,
            link,
            restarts: tokio::sync::Mutex::default(),
            closing: CancellationToken::new(),
            removals: Removals::default(),
        })))
    }

    /// Ends the keeper that an earlier engine may have left in the data folder, with all that runs.
    pub async fn retire(config: &KeeperConfig) -> Result<(), Diagnostic> {
        if let Some(link) = Link::to_running(config, &Arc::default()).await? {
            link.shut_down(config).await;
        }
        // One that did not answer is ended as well.
        process::end(config, limit::END).await;
        Ok(())
    }

    async fn done(&self, call: Call, limit: Duration) -> Result<(), Diagnostic> {
        match self.0.call(call, limit).await? {
            Answer::Done => Ok(()),
            _ => Err(lost()),
        }
    }
}

impl Client {
    async fn call(self: &Arc<Self>, call: Call, limit: Duration) -> Result<Answer, Diagnostic> {
        let until = Instant::now() + limit;
        let link = tokio::time::timeout_at(until, self.link()).await.map_err(|_| silent(limit))??;
        link.connection.call(call, until - Instant::now()).await
    }

    /// The keeper; a new one if the last has ended by itself.
    async fn link(self: &Arc<Self>) -> Result<Arc<Link>, Diagnostic> {
        if let Some(link) = self.open_link()? {
            return Ok(link);
        }
        // Its own task: whoever waits for it may give up, and the next one takes what it has made.
        let client = self.clone();
        tokio::spawn(async move { client.restart().await }).await.unwrap_or_else(|_| Err(shutting_down()))
    }

    async fn restart(&self) -> Result<Arc<Link>, Diagnostic> {
        let mut restarts = self.restarts.lock().await;
        if let Some(link) = self.open_link()? {
            return Ok(link);
        }
        let backoff = restarts.next_backoff(Instant::now());
        tracing::warn!("the process that holds the sandboxes has ended: the next one starts in {backoff:?}");
        let started = self.closing.run_until_cancelled(async {
            tokio::time::sleep(backoff).await;
            Link::to_new(&self.config, &self.command, &self.inbox).await
        });
        let link = Arc::new(started.await.unwrap_or_else(|| Err(shutting_down()))?);
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(link.clone());
        Ok(link)
    }

    /// The keeper, if it has not ended.
    fn open_link(&self) -> Result<Option<Arc<Link>>, Diagnostic> {
        if self.closing.is_cancelled() {
            return Err(shutting_down());
        }
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(link.filter(|link| link.connection.is_open()))
    }
}

impl Link {
    /// A keeper that runs already and speaks our language; one that does not is ended.
    async fn to_running(config: &KeeperConfig, inbox: &Arc<Inbox>) -> Result<Option<Self>, Diagnostic> {
        let Some(stream) = process::reach(config).await else { return Ok(None) };
        let Ok(sockets) = AgentSockets::attach(config.data_dir()) else { return Ok(None) };
        let link = Self { connection: Connection::new(stream, inbox.clone()), sockets };
        match link.hello(limit::HELLO).await {
            Ok(VERSION) => {
                link.connection.send(Call::Outlive(config.outlive));
                return Ok(Some(link));
            }
            Ok(other) => {
                tracing::warn!("the keeper is of another version ({other}): it ends, and sandboxes start anew");
                link.shut_down(config).await;
            }
            // It was about to end.
            Err(diagnostic) if diagnostic.reason == "keeper_lost" => {}
            Err(diagnostic) => {
                tracing::warn!("{}: it is killed, and sandboxes start anew", diagnostic.message);
                process::end(config, Duration::ZERO).await;
            }
        }
        Ok(None)
    }

    async fn to_new(config: &KeeperConfig, command: &KeeperCommand, inbox: &Arc<Inbox>) -> Result<Self, Diagnostic> {
        process::end(config, limit::END).await;
        let (stream, unready) = process::start(config, command).await?;
        let connection = Connection::new(stream, inbox.clone());
        // Before its first answer it has cleared the folder that the sockets are in.
        hello(&connection, limit::FIRST_HELLO).await?;
        let link = Self { connection, sockets: AgentSockets::attach(config.data_dir())? };
        if inbox.has_listener() {
            link.connection.send(Call::Listen);
        }
        drop(unready.disarm());
        Ok(link)
    }

    async fn hello(&self, limit: Duration) -> Result<u32, Diagnostic> {
        hello(&self.connection, limit).await
    }

    /// Ends the keeper and all that runs; one that does not end by itself is killed.
    async fn shut_down(&self, config: &KeeperConfig) {
        let grace = match self.connection.call(Call::ShutDown, limit::SHUT_DOWN).await {
            Ok(_) => limit::END,
            Err(diagnostic) => {
                tracing::warn!("{}", diagnostic.message);
                Duration::ZERO
            }
        };
        process::end(config, grace).await;
    }
}

async fn hello(connection: &Connection, limit: Duration) -> Result<u32, Diagnostic> {
    match connection.call(Call::Hello, limit).await? {
        Answer::Hello { version } => Ok(version),
        _ => Err(lost()),
    }
}

/// Tells the keeper when nobody waits for a start any more.
struct GiveUp {
    link: Arc<Link>,
    sandbox_id: Option<String>,
}

impl Drop for GiveUp {
    fn drop(&mut self) {
        if let Some(sandbox_id) = self.sandbox_id.take() {
            self.link.connection.send(Call::GiveUp(sandbox_id));
        }
    }
}

#[async_trait]
impl Driver for KeptDriver {
    fn name(&self) -> &'static str {
        "bubblewrap"
    }

    async fn check(&self) -> Result<(), Diagnostic> {
        self.done(Call::Check, limit::CHECK).await
    }

    async fn limits_level(&self) -> LimitsLevel {
        match self.0.call(Call::LimitsLevel, limit::LEVEL).await {
            Ok(Answer::LimitsLevel(level)) => level,
            _ => LimitsLevel::default(),
        }
    }

    async fn recover(
        &self,
        known: &[KnownSandbox],
        notices: mpsc::Sender<RuntimeNotice>,
    ) -> Result<Vec<FoundRuntime>, Diagnostic> {
        let inbox = &self.0.inbox;
        inbox.listen(notices);
        let link = self.0.link().await?;
        let answer = link.connection.call(Call::Recover(known.to_vec()), limit::RECOVER).await;
        // Also without an answer: what runs has things to say. Not earlier: the restart of a record comes after its exit.
        link.connection.send(Call::Listen);
        let Answer::Found(found) = answer? else { return Err(lost()) };
        let running = found.iter().filter(|runtime| runtime.exit.is_none());
        running.for_each(|runtime| inbox.runs(runtime.sandbox_id.clone(), runtime.generation));
        Ok(found)
    }

    async fn warm(&self, spec: RuntimeSpec, notices: mpsc::Sender<RuntimeNotice>) -> Result<(), Diagnostic> {
        self.0.inbox.listen(notices);
        let (sandbox_id, generation) = (spec.sandbox_id.clone(), spec.generation);
        self.done(Call::Warm(spec), limit::WARM).await?;
        self.0.inbox.runs(sandbox_id, generation);
        Ok(())
    }

    async fn start(&self, spec: RuntimeSpec, notices: mpsc::Sender<RuntimeNotice>) -> Result<StartReport, Diagnostic> {
        self.0.inbox.listen(notices);
        let (sandbox_id, generation) = (spec.sandbox_id.clone(), spec.generation);
        let limit = self.0.config.driver.start_timeout + limit::START_MARGIN;
        let link = tokio::time::timeout(limit, self.0.link()).await.map_err(|_| silent(limit))??;
        let mut given_up = GiveUp { link: link.clone(), sandbox_id: Some(sandbox_id.clone()) };
        match link.connection.call(Call::Start(spec), limit).await? {
            Answer::Started(report) => {
                given_up.sandbox_id = None;
                self.0.inbox.runs(sandbox_id, generation);
                Ok(report)
            }
            _ => Err(lost()),
        }
    }

    async fn stop(&self, sandbox_id: &str) -> Result<(), Diagnostic> {
        self.0.inbox.ended(sandbox_id);
        self.done(Call::Stop(sandbox_id.to_owned()), limit::STOP).await
    }

    async fn destroy(&self, sandbox_id: &str) -> Result<(), Diagnostic> {
        self.0.inbox.ended(sandbox_id);
        let folder = self.0.config.data_dir().join("sandboxes").join(sandbox_id);
        let destroy = self.done(Call::Destroy(sandbox_id.to_owned()), limit::DESTROY);
        self.0.removals.attempt(sandbox_id, &folder, destroy).await
    }

    async fn stats(&self, sandbox_id: &str) -> MetricSnapshot {
        match self.0.call(Call::Stats(sandbox_id.to_owned()), limit::STATS).await {
            Ok(Answer::Stats(snapshot)) => *snapshot,
            Ok(_) => MetricSnapshot::unavailable(sandbox_id, Timestamp::now(), lost().message),
            Err(diagnostic) => MetricSnapshot::unavailable(sandbox_id, Timestamp::now(), diagnostic.message),
        }
    }

    async fn shut_down(&self) {
        self.0.closing.cancel();
        // None is being started from here on.
        let _restarts = self.0.restarts.lock().await;
        let link = self.0.link.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(link) = link {
            link.shut_down(&self.0.config).await;
        }
        process::clear(&self.0.config);
    }

    async fn connect(&self, sandbox_id: &str) -> std::io::Result<Box<dyn RuntimeStream>> {
        let link = self.0.link.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let link = link.ok_or(std::io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(link.sockets.connect(sandbox_id).await?))
    }
}
