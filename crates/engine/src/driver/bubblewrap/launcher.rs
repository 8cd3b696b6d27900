//! The thread that starts every `bwrap`.
//!
//! `--die-with-parent` means the thread that forked: on a thread pool, a sandbox would die with an idle thread.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use command_fds::{CommandFdExt, FdMapping};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};
use sandbar_protocol::Diagnostic;
use tokio::process::{Child, Command};
use tokio::runtime::Handle as Runtime;
use tokio::sync::oneshot;

use super::arguments::{self, Arguments, GATE_FD, INFO_FD, LISTENER_FD, SECCOMP_FD};
use super::files::Home;
use super::rootfs::Rootfs;
use super::sockets::Sockets;
use super::stage::Stage;
use super::{BubblewrapConfig, disk_error, limits, owner, probe, seccomp};
use crate::priority;

/// Starts `bwrap`, on a thread of its own.
pub(super) struct Launcher {
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Order {
    Launch(Box<Launch>, oneshot::Sender<io::Result<Launched>>),
    Probe(u32, oneshot::Sender<io::Result<Child>>),
    Clear(String),
}

/// What a sandbox is started with.
pub(super) struct Launch {
    pub(super) sandbox_id: String,
    pub(super) home: Home,
    pub(super) rootfs: Option<Arc<Rootfs>>,
    pub(super) memory_mb: u64,
    pub(super) listener: UnixListener,
}

/// A `bwrap` that has been started.
pub(super) struct Launched {
    pub(super) child: Child,
    /// What `bwrap` tells of the tree that it made.
    pub(super) info: OwnedFd,
    /// In front of which the tree's first process waits.
    pub(super) gate: Gate,
    /// Where the agent waits for its configuration, until this is closed.
    pub(super) boot: OwnedFd,
}

/// Nothing of a sandbox runs before this is opened. It opens as well when it is dropped: kill the tree first.
pub(super) struct Gate(OwnedFd);

impl Gate {
    pub(super) fn open(self) -> io::Result<()> {
        File::from(self.0).write_all(b"1")
    }
}

impl Launcher {
    /// Starts the thread.
    pub(super) fn start(config: &BubblewrapConfig, sockets: &Sockets) -> Result<Self, Diagnostic> {
        let (orders, inbox) = mpsc::channel();
        let (set_up, is_set_up) = mpsc::channel();
        let filter = seccomp::program()?;
        let owner = owner::name(&config.data_dir)
            .map_err(|error| disk_error("can't use the folder", &config.data_dir, &error))?;
        limits::forbid_core_files();
        let (config, run_folder) = (config.clone(), sockets.folder().to_owned());
        let runtime = Runtime::current();
        let thread = std::thread::Builder::new().name("launcher".to_owned()).spawn(move || {
            priority::take_turns();
            let stage = match Stage::set_up(&config, &run_folder) {
                Ok(stage) => stage,
                Err(diagnostic) => return drop(set_up.send(Err(diagnostic))),
            };
            let _ = set_up.send(Ok(()));
            let worker = Worker { bwrap: config.bwrap, owner, filter, stage, runtime };
            inbox.iter().for_each(|order| worker.take(order));
        });
        let failed = |why: String| {
            Diagnostic::new("launcher_failed", format!("no thread to start sandboxes: {why}"))
                .recommend("the machine is out of processes or memory: end some, or raise `ulimit -u`")
        };
        let thread = thread.map_err(|error| failed(error.to_string()))?;
        is_set_up.recv().map_err(|error| failed(error.to_string()))??;
        Ok(Self { orders: Mutex::new(Some(orders)), thread: Mutex::new(Some(thread)) })
    }

    /// Starts a sandbox.
    pub(super) async fn launch(&self, launch: Launch) -> io::Result<Launched> {
        let (answer, answered) = oneshot::channel();
        self.order(Order::Launch(Box::new(launch), answer))?;
        answered.await.map_err(io::Error::other)?
    }

    /// Starts `true` in namespaces like a sandbox's, as the given user if the engine is root.
    pub(super) async fn probe(&self, uid: u32) -> io::Result<Child> {
        let (answer, answered) = oneshot::channel();
        self.order(Order::Probe(uid, answer))?;
        answered.await.map_err(io::Error::other)?
    }

    /// A sandbox has been set up, or has ended: what was shown for its start is hidden.
    pub(super) fn clear(&self, sandbox_id: &str) {
        // After the end of the thread there is nothing left to hide.
        let _ = self.order(Order::Clear(sandbox_id.to_owned()));
    }

    fn order(&self, order: Order) -> io::Result<()> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = orders.as_ref().map(|orders| orders.send(order));
        sent.and_then(Result::ok).ok_or_else(|| io::Error::other("the engine is shutting down"))
    }

    /// Ends the thread, and with it whatever still runs.
    pub(super) fn stop(&self) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Worker {
    bwrap: PathBuf,
    /// What each `bwrap` is called, for whoever finds one that is left over.
    owner: String,
    filter: Vec<u8>,
    stage: Stage,
    runtime: Runtime,
}

impl Worker {
    fn take(&self, order: Order) {
        // A caller that has gone drops the child, which ends with it.
        match order {
            Order::Launch(launch, answer) => drop(answer.send(self.launch(*launch))),
            Order::Probe(uid, answer) => drop(answer.send(self.probe(uid))),
            Order::Clear(sandbox_id) => self.stage.clear(&sandbox_id),
        }
    }

    fn launch(&self, launch: Launch) -> io::Result<Launched> {
        let placed = self.stage.place(&launch.sandbox_id, &launch.home, launch.rootfs.as_deref());
        let launched = placed.and_then(|placed| {
            self.spawn(&arguments::sandbox(&placed, launch.memory_mb), &launch.home, launch.listener)
        });
        if launched.is_err() {
            self.stage.clear(&launch.sandbox_id);
        }
        launched
    }

    fn spawn(&self, args: &Arguments, home: &Home, listener: UnixListener) -> io::Result<Launched> {
        let (info, info_writer) = pipe_with(PipeFlags::CLOEXEC)?;
        let (gate_reader, gate) = pipe_with(PipeFlags::CLOEXEC)?;
        let (boot_reader, boot) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut command = self.command(args, home.uid)?;
        command.stdin(boot_reader);
        command
            .fd_mappings(vec![
                FdMapping { parent_fd: listener.into(), child_fd: LISTENER_FD },
                FdMapping { parent_fd: in_memory("seccomp", &self.filter)?.into(), child_fd: SECCOMP_FD },
                FdMapping { parent_fd: info_writer, child_fd: INFO_FD },
                FdMapping { parent_fd: gate_reader, child_fd: GATE_FD },
            ])
            .map_err(io::Error::other)?;
        let _runtime = self.runtime.enter();
        // The command owns our copies of the descriptors and drops them: only the sandbox listens from here on.
        Ok(Launched { child: command.spawn()?, info, gate: Gate(gate), boot })
    }

    fn probe(&self, uid: u32) -> io::Result<Child> {
        let uid = nix::unistd::geteuid().is_root().then_some(uid);
        let mut command = self.command(&arguments::probe(), uid)?;
        command.stdin(Stdio::null());
        let _runtime = self.runtime.enter();
        command.spawn()
    }

    fn command(&self, args: &Arguments, uid: Option<u32>) -> io::Result<Command> {
        let mut command = Command::new(probe::find(&self.bwrap)?);
        // `--clearenv` is not enough: the engine's variables would be readable in the first process's /proc/1/environ.
        command.env_clear();
        command
            .arg0(&self.owner)
            .args(&args.0)
            .current_dir("/")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(uid) = uid {
            // Never host root: an inner user mapped to it could write the host's /proc/sys.
            command.uid(uid).gid(uid);
        }
        Ok(command)
    }
}

fn in_memory(name: &str, bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}
