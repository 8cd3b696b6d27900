//! What goes wrong.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::scene::Scene;

const LOCK: &str = "import sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
store.execute('BEGIN EXCLUSIVE')
print('locked', flush=True)
sys.stdin.read()
store.execute('ROLLBACK')";
/// By how much a clock is set.
const JUMP: i64 = 3 * 3600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing can be written any more.
    FullDisk,
    /// Someone else holds the records.
    LockedStore,
    /// Someone else holds the logs.
    LockedLogs,
    /// `kill -9` of the process that holds the sandboxes.
    KilledKeeper,
    /// The same process does not run for a while.
    StoppedKeeper,
    /// The clock is set ahead, or back again.
    ClockJump,
    /// The engine gets SIGTERM; the next one starts.
    Terminated,
    /// The engine is killed; the next one starts.
    Killed,
    /// The engine gets SIGTERM while its disk is full.
    TerminatedOnFullDisk,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::FullDisk,
        Self::LockedStore,
        Self::LockedLogs,
        Self::KilledKeeper,
        Self::StoppedKeeper,
        Self::ClockJump,
        Self::Terminated,
        Self::Killed,
        Self::TerminatedOnFullDisk,
    ];

    /// All that can be done here, each once in a round, in a random order, for ever.
    pub fn deck(scene: &Scene, random: &mut fastrand::Rng) -> impl Iterator<Item = Self> + use<> {
        let (has_disk, has_clock) = (scene.has_disk(), scene.has_clock());
        let can = move |fault: &Self| match fault {
            Self::FullDisk | Self::TerminatedOnFullDisk => has_disk,
            Self::ClockJump => has_clock,
            _ => true,
        };
        let all: Vec<Self> = Self::ALL.into_iter().filter(can).collect();
        let mut random = random.fork();
        let mut round = Vec::new();
        std::iter::from_fn(move || {
            if round.is_empty() {
                round.clone_from(&all);
                random.shuffle(&mut round);
            }
            round.pop()
        })
    }

    /// How long it lasts, with a strength between 0 and 1.
    pub fn seconds(self, strength: f64) -> f64 {
        match self {
            Self::FullDisk | Self::TerminatedOnFullDisk => 1.0 + 9.0 * strength,
            Self::LockedStore | Self::StoppedKeeper => 1.0 + 24.0 * strength * strength,
            Self::LockedLogs => 1.0 + 12.0 * strength,
            Self::KilledKeeper | Self::ClockJump | Self::Terminated | Self::Killed => strength,
        }
    }

    /// Does it, and undoes what an engine can't.
    pub async fn strike(self, scene: &mut Scene, strength: f64, random: &mut fastrand::Rng) {
        // No wait for anything: this is the random moment, and how long it lasts.
        let lasts = || tokio::time::sleep(Duration::from_secs_f64(self.seconds(strength)));
        match self {
            Self::FullDisk => {
                fill(scene);
                lasts().await;
                empty(scene);
            }
            Self::LockedStore => drop((lock(scene, "engine.db"), lasts().await)),
            Self::LockedLogs => drop((lock(scene, "logs.db"), lasts().await)),
            Self::KilledKeeper => {
                signal_keeper(scene, Signal::SIGKILL);
                lasts().await;
            }
            Self::StoppedKeeper => {
                let keeper = signal_keeper(scene, Signal::SIGSTOP);
                lasts().await;
                // The engine may have replaced it.
                let _ = keeper.map(|pid| kill(pid, Signal::SIGCONT));
            }
            Self::ClockJump => {
                let ahead = scene.world.ahead.load(std::sync::atomic::Ordering::Relaxed);
                scene.set_clock(if ahead == 0 { JUMP } else { 0 });
                lasts().await;
            }
            Self::Terminated => {
                terminate(scene).await;
                lasts().await;
                scene.restart();
            }
            Self::Killed => {
                scene.serve.kill();
                lasts().await;
                if random.u8(0..3) == 0 {
                    // As in a crash of the machine.
                    signal_keeper(scene, Signal::SIGKILL);
                }
                scene.restart();
            }
            Self::TerminatedOnFullDisk => {
                fill(scene);
                lasts().await;
                terminate(scene).await;
                empty(scene);
                scene.restart();
            }
        }
    }
}

/// Ends the engine as an operator would: it has 60 s.
async fn terminate(scene: &mut Scene) {
    scene.serve.signal(Signal::SIGTERM);
    let begun = std::time::Instant::now();
    while scene.serve.child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the engine does not end at SIGTERM");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn signal_keeper(scene: &Scene, signal: Signal) -> Option<Pid> {
    let pid = Pid::from_raw(scene.serve.keeper()?.cast_signed());
    kill(pid, signal).ok().map(|()| pid)
}

fn fill(scene: &Scene) {
    let mut file = File::create(scene.folder().join("filler")).unwrap();
    let mut size = 1024 * 1024;
    while size > 0 {
        if file.write_all(&vec![0; size]).is_err() {
            size /= 2;
        }
    }
}

fn empty(scene: &Scene) {
    fs::remove_file(scene.folder().join("filler")).unwrap();
}

/// Holds a database until it is dropped.
struct Lock(Child);

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn lock(scene: &Scene, name: &str) -> Lock {
    use std::io::{BufRead, BufReader};
    let mut python = Command::new("python3");
    python.args(["-c", LOCK]).arg(scene.folder().join(name)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "locked\n", "{name} could not be locked");
    Lock(child)
}
