use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sandbar_protocol::{Diagnostic, MetricSnapshot};
use tokio::sync::{Mutex, mpsc};

use super::connection::Connection;
use super::messages::{Answer, Call, VERSION};
use super::process::{self, Keeper, KeeperCommand, KeeperConfig};
use super::told::{Told, lost};
use crate::driver::{
    AgentSockets, Driver, KnownSandbox, LimitsLevel, RunningRuntime, RuntimeNotice, RuntimeSpec, RuntimeStream,
    StartReport, shutting_down,
};
use crate::priority;

/// A keeper that is starting may wait for the end of an earlier one, with all its sandboxes.
const HELLO_LIMIT: Duration = Duration::from_secs(60);

/// A driver in a process of its own, which outlives this one.
pub struct KeptDriver {
    config: KeeperConfig,
    command: KeeperCommand,
    told: Arc<Told>,
    /// `None` once the driver has shut down.
    link: Mutex<Option<Arc<Link>>>,
}

/// A keeper that answered.
struct Link {
    connection: Connection,
    sockets: AgentSockets,
    /// Ours, if this engine started it.
    keeper: Keeper,
}

impl KeptDriver {
    /// Reaches the keeper that an earlier engine left in the data folder, or starts one with `command`.
    pub async fn open(config: KeeperConfig, command: KeeperCommand) -> Result<Self, Diagnostic> {
        priority::come_first();
        let told = Arc::new(Told::default());
        let link = Link::to_running(&config, &told).await?;
        let link = match link {
            Some(link) => link,
            None => Link::to_new(&config, &command, &told).await?,
        };
        Ok(Self { config, command, told, link: Mutex::new(Some(Arc::new(link))) })
    }

    /// Ends the keeper that an earlier engine may have left in the data folder, with all that runs.
    pub async fn retire(config: &KeeperConfig) -> Result<(), Diagnostic> {
        match Link::to_running(config, &Arc::new(Told::default())).await? {
            Some(link) => link.shut_down().await,
            None => Ok(()),
        }
    }

    /// The keeper; a new one if the last has ended by itself.
    async fn link(&self) -> Result<Arc<Link>, Diagnostic> {
        let mut link = self.link.lock().await;
        let current = link.as_ref().ok_or_else(shutting_down)?;
        if current.connection.is_open() {
            return Ok(current.clone());
        }
        let new = Arc::new(Link::to_new(&self.config, &self.command, &self.told).await?);
        *link = Some(new.clone());
        Ok(new)
    }

    async fn call(&self, call: Call) -> Result<Answer, Diagnostic> {
        self.link().await?.connection.call(call).await
    }

    async fn done(&self, call: Call) -> Result<(), Diagnostic> {
        match self.call(call).await? {
            Answer::Done => Ok(()),
            _ => Err(lost()),
        }
    }
}

impl Link {
    /// A keeper that runs already and speaks our language; one that does not is asked to end.
    async fn to_running(config: &KeeperConfig, told: &Arc<Told>) -> Result<Option<Self>, Diagnostic> {
        let Some(stream) = process::reach(config).await else { return Ok(None) };
        let link = Self {
            connection: Connection::new(stream, told.clone()),
            sockets: AgentSockets::attach(config.data_dir())?,
            keeper: Keeper::stranger(),
        };
        match link.hello().await {
            Ok(VERSION) => Ok(Some(link)),
            Ok(other) => {
                tracing::warn!("the keeper is of another version ({other}): it ends, and sandboxes start anew");
                link.shut_down().await.map(|()| None)
            }
            // It was about to end.
            Err(_) => Ok(None),
        }
    }

    async fn to_new(config: &KeeperConfig, command: &KeeperCommand, told: &Arc<Told>) -> Result<Self, Diagnostic> {
        let (keeper, stream) = process::start(config, command).await?;
        let connection = Connection::new(stream, told.clone());
        // Before its first answer it has cleared the folder that the sockets are in.
        hello(&connection).await?;
        Ok(Self { connection, sockets: AgentSockets::attach(config.data_dir())?, keeper })
    }

    async fn hello(&self) -> Result<u32, Diagnostic> {
        hello(&self.connection).await
    }

    async fn shut_down(&self) -> Result<(), Diagnostic> {
        self.connection.call(Call::ShutDown).await?;
        self.keeper.ended().await;
        Ok(())
    }
}

async fn hello(connection: &Connection) -> Result<u32, Diagnostic> {
    let silent = |_| {
        Diagnostic::new("keeper_silent", format!("the keeper did not answer within {HELLO_LIMIT:?}"))
            .recommend("end the process `sandbar keep` of this data folder, and read keeper.log in it")
    };
    match tokio::time::timeout(HELLO_LIMIT, connection.call(Call::Hello)).await.map_err(silent)?? {
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
            self.link.connection.tell(Call::GiveUp(sandbox_id));
        }
    }
}

#[async_trait]
impl Driver for KeptDriver {
    fn name(&self) -> &'static str {
        "bubblewrap"
    }

    async fn check(&self) -> Result<(), Diagnostic> {
        self.done(Call::Check).await
    }

    async fn limits_level(&self) -> LimitsLevel {
        match self.call(Call::LimitsLevel).await {
            Ok(Answer::LimitsLevel(level)) => level,
            _ => LimitsLevel::default(),
        }
    }

    async fn recover(
        &self,
        known: &[KnownSandbox],
        notices: mpsc::Sender<RuntimeNotice>,
    ) -> Result<Vec<RunningRuntime>, Diagnostic> {
        self.told.listen(notices);
        match self.call(Call::Recover(known.to_vec())).await? {
            Answer::Running(running) => {
                running.iter().for_each(|one| self.told.runs(one.sandbox_id.clone(), one.generation));
                Ok(running)
            }
            _ => Err(lost()),
        }
    }

    async fn warm(&self, spec: RuntimeSpec) -> Result<(), Diagnostic> {
        self.done(Call::Warm(spec)).await
    }

    async fn start(&self, spec: RuntimeSpec, notices: mpsc::Sender<RuntimeNotice>) -> Result<StartReport, Diagnostic> {
        self.told.listen(notices);
        let (sandbox_id, generation) = (spec.sandbox_id.clone(), spec.generation);
        let link = self.link().await?;
        let mut given_up = GiveUp { link: link.clone(), sandbox_id: Some(sandbox_id.clone()) };
        let answer = link.connection.call(Call::Start(spec)).await;
        given_up.sandbox_id = None;
        match answer? {
            Answer::Started(report) => {
                self.told.runs(sandbox_id, generation);
                Ok(report)
            }
            _ => Err(lost()),
        }
    }

    async fn stop(&self, sandbox_id: &str) -> Result<(), Diagnostic> {
        self.told.ended(sandbox_id);
        self.done(Call::Stop(sandbox_id.to_owned())).await
    }

    async fn destroy(&self, sandbox_id: &str) -> Result<(), Diagnostic> {
        self.told.ended(sandbox_id);
        self.done(Call::Destroy(sandbox_id.to_owned())).await
    }

    async fn stats(&self, sandbox_id: &str) -> MetricSnapshot {
        match self.call(Call::Stats(sandbox_id.to_owned())).await {
            Ok(Answer::Stats(snapshot)) => *snapshot,
            Ok(_) => MetricSnapshot::unavailable(sandbox_id, Timestamp::now(), lost().message),
            Err(diagnostic) => MetricSnapshot::unavailable(sandbox_id, Timestamp::now(), diagnostic.message),
        }
    }

    async fn shut_down(&self) {
        let link = self.link.lock().await.take();
        if let Some(link) = link
            && let Err(diagnostic) = link.shut_down().await
        {
            tracing::warn!("{}", diagnostic.message);
        }
        process::clear(&self.config);
    }

    async fn connect(&self, sandbox_id: &str) -> std::io::Result<Box<dyn RuntimeStream>> {
        let link = self.link.lock().await.clone().ok_or(std::io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(link.sockets.connect(sandbox_id).await?))
    }
}
