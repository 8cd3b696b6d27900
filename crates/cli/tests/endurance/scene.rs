//! An engine on a disk and a clock of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use sandbar_client::{CallOptions, Client, ClientOptions, Config, Environment};
use sandbar_protocol::{PublicState, Sandbox, Secret};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::ledger::{Known, Ledger};
use crate::support::{KEY, Serve, alive, list_all, sandbar};
use crate::work;

/// How long an engine may need until it is healthy again after a fault, without any help.
const HEALS_WITHIN: Duration = Duration::from_secs(90);
/// How long after its TTL a sandbox may still be what it was, on a healthy engine.
const EXPIRES_WITHIN: Duration = Duration::from_secs(60);
const DISK_BYTES: &str = "size=512m,mode=755";
/// Where Debian has it, on each processor.
const FAKETIME: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];

/// What workers share.
pub struct World {
    pub client: Client,
    pub ledger: Ledger,
    pub stop: CancellationToken,
    /// How far the engine's clock is ahead, in seconds.
    pub ahead: AtomicI64,
}

impl World {
    /// The engine's time.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed))
    }
}

pub struct Scene {
    /// Before the engine, whose folder it is in.
    disk: Option<Disk>,
    pub serve: Serve,
    pub world: Arc<World>,
    clock: Option<PathBuf>,
}

/// A small file system, for as long as this is there.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Path) -> Self {
        mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some(DISK_BYTES)).unwrap();
        Self(folder.to_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// Mounts that end with this process; not for ordinary users.
pub fn own_mounts() -> bool {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    unshare(CloneFlags::CLONE_NEWNS).is_ok() && mount(None::<&Path>, "/", None::<&Path>, private, None::<&Path>).is_ok()
}

impl Scene {
    pub fn start(has_disk: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = has_disk.then(|| Disk::mount(folder.path()));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let args = ["--api-key", KEY, "--listen", &listen, "--outlive", "600"];
        let clock = FAKETIME.iter().any(|library| Path::new(library).exists()).then(clock_file);
        let serve = Serve::start_in(folder, command(clock.as_deref()), &args);
        let client = client(&format!("http://{listen}"));
        let ledger = Ledger::default();
        let (stop, ahead) = (CancellationToken::new(), AtomicI64::new(0));
        Self { disk, serve, world: Arc::new(World { client, ledger, stop, ahead }), clock }
    }

    pub fn folder(&self) -> &Path {
        self.serve.folder.path()
    }

    pub fn has_disk(&self) -> bool {
        self.disk.is_some()
    }

    pub fn has_clock(&self) -> bool {
        self.clock.is_some()
    }

    /// Sets the engine's clock, so many seconds ahead.
    pub fn set_clock(&self, ahead: i64) {
        let file = self.clock.as_ref().unwrap();
        let new = file.with_extension("new");
        fs::write(&new, format!("{ahead:+}\n")).unwrap();
        fs::rename(&new, file).unwrap();
        self.world.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Starts the next engine after the end of the last.
    pub fn restart(&mut self) {
        self.serve.restart_by(command(self.clock.as_deref()));
    }

    /// Waits until the engine says that all is well, and all that should have expired has.
    pub async fn heals(&self) -> Duration {
        let begun = Instant::now();
        while !self.is_healthy().await {
            assert!(begun.elapsed() < HEALS_WITHIN, "the engine does not heal: {}", self.condition().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let healed = begun.elapsed();
        let due = |known: &Known| known.expires.as_ref().is_some_and(|(at, _)| *at < self.world.now());
        let expired: Vec<(String, Known)> = self
            .world
            .ledger
            .known()
            .iter()
            .filter(|(_, known)| due(known))
            .map(|(id, k)| (id.clone(), k.clone()))
            .collect();
        let begun = Instant::now();
        for (id, known) in expired {
            let Some((at, becomes)) = known.expires else { continue };
            // Also those that were paused as their keeper was lost again and again.
            while work::check(&self.world, &id).await.is_none() {}
            if self.world.ledger.known()[&id].expires.is_none() {
                continue;
            }
            loop {
                let state = self.detail(&id).await.and_then(|sandbox| sandbox.state);
                if state == Some(becomes.clone()) {
                    break;
                }
                let late = format!("{id} is {state:?}, {at} has passed: it should be {becomes:?}");
                assert!(begun.elapsed() < EXPIRES_WITHIN, "{late}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            self.world.ledger.change(&id, |known| (known.states, known.expires) = (vec![becomes], None));
        }
        healed
    }

    async fn is_healthy(&self) -> bool {
        self.condition().await.contains("\"status\":\"ok\"")
    }

    async fn condition(&self) -> String {
        work::get(&format!("{}/health", self.serve.url())).await.unwrap_or_else(|error| error)
    }

    async fn detail(&self, id: &str) -> Option<Sandbox> {
        Some(self.world.client.get(id, CallOptions::default()).await.ok()?.value)
    }

    /// At the end: every sandbox is what was acknowledged, its file is there, and there are no others.
    pub async fn check_all(&self) {
        self.world.client.settled().await;
        let ids: Vec<String> = self.world.ledger.known().keys().cloned().collect();
        for id in &ids {
            work::check(&self.world, id).await.expect("a healthy engine answers");
        }
        let listed = list_all(&self.world.client).await;
        let known = self.world.ledger.known().clone();
        let stranger = listed.iter().find(|sandbox| !known.contains_key(&sandbox.sandbox_id));
        assert!(stranger.is_none(), "nobody got this one: {stranger:#?}");
        let failed = listed.iter().find(|sandbox| sandbox.state == Some(PublicState::Failed));
        assert!(failed.is_none(), "failed for no reason of its own: {failed:#?}");
    }

    /// Ends the engine, which leaves nothing.
    pub async fn end(mut self) {
        let processes = self.serve.processes();
        assert_eq!(self.serve.terminate(), Some(0));
        assert!(processes.iter().all(|pid| !alive(*pid)), "it leaves processes");
        if let Some(clock) = &self.clock {
            fs::remove_dir_all(clock.parent().unwrap()).unwrap();
            remove_clocks_of_the_dead();
        }
    }
}

fn clock_file() -> PathBuf {
    let file = TempDir::new().unwrap().keep().join("clock");
    fs::write(&file, "+0\n").unwrap();
    file
}

/// What libfaketime leaves of processes that were killed.
fn remove_clocks_of_the_dead() {
    for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix("faketime_shm_").or_else(|| name.strip_prefix("sem.faketime_sem_")));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn command(clock: Option<&Path>) -> std::process::Command {
    let mut command = sandbar();
    if let (Some(clock), Some(library)) = (clock, FAKETIME.iter().find(|library| Path::new(library).exists())) {
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", clock);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    }
    command
}

/// Each call is one request, and the engine alone bounds how long it takes.
fn client(url: &str) -> Client {
    let day = Some(Duration::from_secs(86_400));
    let options = ClientOptions {
        base_url: Some(url.to_owned()),
        api_key: Some(Secret::new(KEY)),
        request_timeout: day,
        ready_timeout: Some(Duration::from_secs(50)),
        max_retries: Some(0),
        ..ClientOptions::default()
    };
    Client::new(Config::new(&options, &Environment::default()).unwrap())
}
