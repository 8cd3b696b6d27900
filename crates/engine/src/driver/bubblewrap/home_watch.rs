//! Bounds what a sandbox's home takes of the disk, by looking: no quota holds on every machine and for every user.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;
use sandbar_protocol::Diagnostic;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::home_size::{HomeSize, measure};
use super::runtimes::Runtimes;

const MIB: u64 = 1024 * 1024;
/// How often to look at the disk's free space: one system call for all sandboxes.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A home is measured at least this often, even if something else has freed what it took.
const MEASURE_EVERY: Duration = Duration::from_secs(30);
/// What the disk may lose before a home that is nearly full is measured again.
const LEAST_LOSS: u64 = 4 * MIB;
/// After measuring, this many times as long nothing is measured.
const REST: u32 = 4;
/// How much a home that was too large may still grow after its next start, as a part of its limit: to clean up takes some.
const SLACK: u64 = 16;

/// The homes that were too large at their last end, by sandbox.
type Overfull = Arc<Mutex<HashMap<String, Allowance>>>;

/// How such a home may be used, so that it can be cleaned up.
#[derive(Clone, Copy)]
enum Allowance {
    /// It may take this many bytes.
    Bytes(u64),
    /// It can't be measured: its first measuring comes later.
    Time,
}

/// Watches the homes of all runtimes until it is dropped.
pub(super) struct HomeWatch {
    overfull: Overfull,
    _end: DropGuard,
}

impl HomeWatch {
    /// Starts it for the homes in `folder`.
    pub(super) fn start(folder: PathBuf, runtimes: Arc<Runtimes>) -> Self {
        let end = CancellationToken::new();
        let overfull = Overfull::default();
        let watcher =
            Watcher { folder, runtimes, overfull: overfull.clone(), measured: HashMap::new(), free: None, lost: 0 };
        tokio::spawn(end.clone().run_until_cancelled_owned(watch(watcher)));
        Self { overfull, _end: end.drop_guard() }
    }

    /// The sandbox's files are gone.
    pub(super) fn forget(&self, sandbox_id: &str) {
        self.overfull.lock().unwrap_or_else(PoisonError::into_inner).remove(sandbox_id);
    }
}

async fn watch(mut watcher: Watcher) {
    let mut rest = LOOK_EVERY;
    loop {
        tokio::time::sleep(rest).await;
        // It reads folders.
        let looked = tokio::task::spawn_blocking(move || {
            let took = watcher.look();
            (watcher, took)
        });
        let Ok((back, took)) = looked.await else { return };
        watcher = back;
        rest = LOOK_EVERY.max(took * REST);
    }
}

struct Watcher {
    folder: PathBuf,
    runtimes: Arc<Runtimes>,
    overfull: Overfull,
    measured: HashMap<String, Measured>,
    /// The disk's free space at the last look, in bytes.
    free: Option<u64>,
    /// What the disk has lost since the start: no home can have grown by more.
    lost: u64,
}

/// A home's size when it was last measured.
struct Measured {
    bytes: u64,
    lost: u64,
    at: Instant,
}

impl Watcher {
    /// Ends the runtimes whose homes are too large; how long that took.
    fn look(&mut self) -> Duration {
        let begun = Instant::now();
        if let Ok(disk) = statvfs(&self.folder) {
            let free = disk.f_bfree.saturating_mul(disk.f_frsize);
            self.lost += self.free.replace(free).map_or(0, |before| before.saturating_sub(free));
        }
        let runtimes = self.runtimes.all();
        self.measured.retain(|id, _| runtimes.iter().any(|(known, _)| known == id));
        for (id, handle) in runtimes {
            // Nothing runs in one that is warm.
            let Some(init_pid) = handle.init_pid.get().filter(|_| !handle.has_ended()) else { continue };
            let own_limit = handle.bounds.home_bytes();
            let limit = self.limit(&id, own_limit);
            if !self.is_due(&id, limit) {
                continue;
            }
            match measure(&self.folder.join(&id).join("home"), *init_pid, limit) {
                Ok(HomeSize::Bytes(bytes)) if bytes <= limit => self.fits(id, bytes, own_limit),
                Ok(size) => handle.end_for(self.full(id, size, own_limit)),
                Err(error) => tracing::debug!(sandbox = id, "its home can't be measured: {error}"),
            }
        }
        begun.elapsed()
    }

    /// How large a home may be now.
    fn limit(&mut self, id: &str, own: u64) -> u64 {
        let allowance = self.overfull().get(id).copied();
        match allowance {
            Some(Allowance::Bytes(bytes)) => bytes,
            Some(Allowance::Time) => {
                self.overfull().remove(id);
                self.note(id.to_owned(), 0);
                own
            }
            None => own,
        }
    }

    fn is_due(&self, id: &str, limit: u64) -> bool {
        self.measured.get(id).is_none_or(|last| {
            let room = limit.saturating_sub(last.bytes);
            self.lost - last.lost >= (room / 2).max(LEAST_LOSS) || last.at.elapsed() >= MEASURE_EVERY
        })
    }

    fn fits(&mut self, id: String, bytes: u64, own_limit: u64) {
        if bytes <= own_limit {
            self.overfull().remove(&id);
        }
        self.note(id, bytes);
    }

    fn note(&mut self, id: String, bytes: u64) {
        self.measured.insert(id, Measured { bytes, lost: self.lost, at: Instant::now() });
    }

    fn full(&mut self, id: String, size: HomeSize, own_limit: u64) -> Diagnostic {
        let (allowance, message) = match size {
            HomeSize::Bytes(bytes) => (
                Allowance::Bytes(bytes.saturating_add(own_limit / SLACK)),
                format!("its home is full: the files in /root may take {} MiB together", own_limit / MIB),
            ),
            HomeSize::TooDeep => {
                (Allowance::Time, "the folders in its home are nested too deeply to be measured".to_owned())
            }
        };
        self.overfull().insert(id, allowance);
        Diagnostic::new("home_full", message).recommend(
            "connect() starts it again with a little room to clean up; a template with a larger disk_size_mb has more, \
             and /tmp is not counted",
        )
    }

    fn overfull(&self) -> MutexGuard<'_, HashMap<String, Allowance>> {
        self.overfull.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
