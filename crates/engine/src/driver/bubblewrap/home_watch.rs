//! Bounds what a sandbox's home takes of the disk, by looking: no quota holds on every machine and for every user.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;
use sandbar_protocol::Diagnostic;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::home_size::{HomeSize, measure};
use super::limits::Bounds;
use super::runtimes::Runtimes;
use super::supervisor::Handle;

const MIB: u64 = 1024 * 1024;
/// How often to look at the disk's free space: one system call for all sandboxes.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A home is measured at least so often, even if something else has freed what it took: as measuring takes time, between these.
const MEASURE_EVERY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));
/// So many times as long as measuring took, a home is not measured without need.
const CALM: u32 = 500;
/// So many times as long, it is not measured at all.
const REST: u32 = 4;
/// Homes that take longer are measured one after the other, and keep no other waiting.
const SLOW: Duration = Duration::from_millis(100);
/// What the disk may lose before a home that is nearly full is measured again.
const LEAST_LOSS: u64 = 4 * MIB;
/// No process has this ID.
const NO_PROCESS: i32 = i32::MAX;
/// How much a home that was too large may still grow after its next start, as a part of its limit: to clean up takes some.
const SLACK: u64 = 16;

/// The homes that were too large at their last end, by sandbox.
type Overfull = Arc<Mutex<HashMap<String, Allowance>>>;

/// How such a home may be used, so that it can be cleaned up.
#[derive(Clone, Copy)]
enum Allowance {
    /// What it takes at its next start, when it is measured, and a little more.
    Undetermined,
    /// It may take this many bytes: always a little more than what it took when it was last measured.
    Bytes(u64),
    /// It can't be measured: its first measuring comes later.
    Time,
}

/// Watches the homes of all runtimes until it is dropped.
pub(super) struct HomeWatch {
    folder: PathBuf,
    overfull: Overfull,
    _end: DropGuard,
}

impl HomeWatch {
    /// Starts it for the homes in `folder`.
    pub(super) fn start(folder: PathBuf, runtimes: Arc<Runtimes>) -> Self {
        let end = CancellationToken::new();
        let overfull = Overfull::default();
        let watcher = Watcher {
            folder: folder.clone(),
            runtimes,
            overfull: overfull.clone(),
            homes: HashMap::new(),
            free: None,
            lost: 0,
            quick: Arc::new(Semaphore::new(1)),
            slow: Arc::new(Semaphore::new(1)),
        };
        tokio::spawn(end.clone().run_until_cancelled_owned(watcher.watch()));
        Self { folder, overfull, _end: end.drop_guard() }
    }

    /// Before a start: measures a home that was too large, while nothing can make it grow, and sets how large it may be
    /// until it fits again. `own` is what it may take otherwise, in bytes.
    pub(super) async fn set_allowance(&self, sandbox_id: &str, own: u64) {
        if !matches!(self.overfull().get(sandbox_id), Some(Allowance::Undetermined)) {
            return;
        }
        let home = self.folder.join(sandbox_id).join("home");
        let measured = tokio::task::spawn_blocking(move || measure(&home, NO_PROCESS, u64::MAX)).await;
        let allowance = match measured {
            Ok(Ok(HomeSize::Bytes(bytes) | HomeSize::AtLeast(bytes, _))) => {
                (bytes > own).then(|| Allowance::Bytes(bytes.saturating_add(own / SLACK)))
            }
            Ok(Ok(HomeSize::Unmeasurable(_)) | Err(_)) | Err(_) => Some(Allowance::Time),
        };
        let mut overfull = self.overfull();
        match allowance {
            Some(allowance) => drop(overfull.insert(sandbox_id.to_owned(), allowance)),
            None => drop(overfull.remove(sandbox_id)),
        }
    }

    /// The sandbox's files are gone.
    pub(super) fn forget(&self, sandbox_id: &str) {
        self.overfull().remove(sandbox_id);
    }

    fn overfull(&self) -> MutexGuard<'_, HashMap<String, Allowance>> {
        self.overfull.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Watcher {
    folder: PathBuf,
    runtimes: Arc<Runtimes>,
    overfull: Overfull,
    homes: HashMap<String, Home>,
    /// The disk's free space at the last look, in bytes.
    free: Option<u64>,
    /// What the disk has lost since the start: no home can have grown by more.
    lost: u64,
    /// Homes that are measured in no time wait for each other, and not for those that are not.
    quick: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

/// The home of a runtime.
struct Home {
    /// Which runtime it is: the sandbox's next one begins anew.
    runtime: Arc<Bounds>,
    last: Option<Measured>,
    measuring: Option<JoinHandle<(io::Result<HomeSize>, Duration)>>,
    /// What the disk had lost when that began.
    begun: u64,
}

/// When a home was last measured.
struct Measured {
    /// No less than its size, in bytes.
    bytes: u64,
    lost: u64,
    at: Instant,
    took: Duration,
    /// What it took when that was last certain, and what the disk had lost then.
    certain: (u64, u64),
}

impl Watcher {
    async fn watch(mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let folder = self.folder.clone();
            // A disk may not answer.
            if let Ok(Ok(disk)) = tokio::task::spawn_blocking(move || statvfs(&folder)).await {
                let free = disk.f_bfree.saturating_mul(disk.f_frsize);
                self.lost += self.free.replace(free).map_or(0, |before| before.saturating_sub(free));
            }
            self.look().await;
        }
    }

    /// Begins to measure the homes that are due, and ends the runtimes whose homes were found too large.
    async fn look(&mut self) {
        let runtimes = self.runtimes.all();
        self.homes.retain(|id, home| {
            runtimes.iter().any(|(known, handle)| known == id && Arc::ptr_eq(&home.runtime, &handle.bounds))
        });
        for (id, handle) in runtimes {
            // Nothing runs in one that is warm.
            let Some(init_pid) = handle.init_pid.get().copied().filter(|_| !handle.has_ended()) else { continue };
            let mut home = self.homes.remove(&id).unwrap_or_else(|| self.first_met(&id, &handle));
            match home.measuring.take_if(|measuring| measuring.is_finished()) {
                Some(measured) => {
                    if let Ok((size, took)) = measured.await {
                        self.take(&id, &mut home, &handle, size, took);
                    }
                }
                None if home.measuring.is_none() && self.is_due(&id, &home) => {
                    home.begun = self.lost;
                    home.measuring = Some(self.measure(&id, &home, init_pid));
                }
                None => {}
            }
            self.homes.insert(id, home);
        }
    }

    fn first_met(&self, id: &str, handle: &Handle) -> Home {
        let mut home = Home { runtime: handle.bounds.clone(), last: None, measuring: None, begun: self.lost };
        if let Some(Allowance::Time) = self.allowance(id) {
            self.overfull().remove(id);
            home.note(0, self.lost, MEASURE_EVERY.1, true);
        }
        home
    }

    fn measure(&self, id: &str, home: &Home, init_pid: i32) -> JoinHandle<(io::Result<HomeSize>, Duration)> {
        let (path, limit) = (self.folder.join(id).join("home"), self.limit(id, home));
        let is_slow = home.last.as_ref().is_some_and(|last| last.took > SLOW);
        let one_of = if is_slow { &self.slow } else { &self.quick }.clone();
        tokio::spawn(async move {
            let _permit = one_of.acquire_owned().await;
            let measured = tokio::task::spawn_blocking(move || {
                let begun = Instant::now();
                (measure(&path, init_pid, limit), begun.elapsed())
            });
            measured.await.unwrap_or_else(|error| (Err(io::Error::other(error)), Duration::ZERO))
        })
    }

    /// How large a home may be now.
    fn limit(&self, id: &str, home: &Home) -> u64 {
        match self.allowance(id) {
            Some(Allowance::Bytes(bytes)) => bytes,
            Some(Allowance::Undetermined | Allowance::Time) | None => home.runtime.home_bytes(),
        }
    }

    fn is_due(&self, id: &str, home: &Home) -> bool {
        home.last.as_ref().is_none_or(|last| {
            let (room, since) = (self.limit(id, home).saturating_sub(last.bytes), last.at.elapsed());
            // One that is being cleaned up is looked at all the time, so that it is bounded again as soon as it fits.
            let is_needed =
                last.bytes > home.runtime.home_bytes() || self.lost - last.lost >= (room / 2).max(LEAST_LOSS);
            let calm = last.took.saturating_mul(CALM).clamp(MEASURE_EVERY.0, MEASURE_EVERY.1);
            since >= last.took.saturating_mul(REST) && (is_needed || since >= calm)
        })
    }

    fn take(&self, id: &str, home: &mut Home, handle: &Handle, size: io::Result<HomeSize>, took: Duration) {
        let (limit, own) = (self.limit(id, home), home.runtime.home_bytes());
        let message = format!("its home is full: the files in /root may take {} MiB together", own / MIB);
        let (bytes, is_certain) = match size {
            Ok(HomeSize::Bytes(bytes)) if bytes <= limit => (bytes, true),
            // What can't be measured may be as much as the disk has lost since it could be.
            Ok(HomeSize::AtLeast(bytes, why)) if bytes <= limit => {
                let (certain, lost) = home.last.as_ref().map_or((bytes, home.begun), |last| last.certain);
                let most = bytes.max(certain.saturating_add(home.begun - lost));
                if most > limit {
                    let message = format!(
                        "its home can't be measured, as {why}, and may take more than the {} MiB that it may have",
                        own / MIB
                    );
                    return handle.end_for(self.full(id, Allowance::Undetermined, message));
                }
                (most, false)
            }
            Ok(HomeSize::Bytes(_) | HomeSize::AtLeast(..)) => {
                return handle.end_for(self.full(id, Allowance::Undetermined, message));
            }
            Ok(HomeSize::Unmeasurable(why)) => {
                let message = format!("its home can't be measured, as {why}");
                return handle.end_for(self.full(id, Allowance::Time, message));
            }
            Err(error) => {
                tracing::debug!(sandbox = id, "its home can't be measured: {error}");
                let bytes = home.last.as_ref().map_or(0, |last| last.bytes);
                return home.note(bytes, home.begun, took, false);
            }
        };
        home.note(bytes, home.begun, took, is_certain);
        match self.allowance(id) {
            Some(_) if bytes <= own => drop(self.overfull().remove(id)),
            Some(Allowance::Bytes(_)) => {
                let allowance = Allowance::Bytes(limit.min(bytes.saturating_add(own / SLACK)));
                self.overfull().insert(id.to_owned(), allowance);
            }
            _ => {}
        }
    }

    /// Why a runtime ends, whose home may be used like this at its next start.
    fn full(&self, id: &str, allowance: Allowance, message: String) -> Diagnostic {
        self.overfull().insert(id.to_owned(), allowance);
        Diagnostic::new("home_full", message).recommend(
            "connect() starts it again with a little room to clean up; a template with a larger disk_size_mb has more, \
             and /tmp is not counted",
        )
    }

    fn allowance(&self, id: &str) -> Option<Allowance> {
        self.overfull().get(id).copied()
    }

    fn overfull(&self) -> MutexGuard<'_, HashMap<String, Allowance>> {
        self.overfull.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Home {
    fn note(&mut self, bytes: u64, lost: u64, took: Duration, is_certain: bool) {
        let certain = match &self.last {
            Some(last) if !is_certain => last.certain,
            _ => (bytes, lost),
        };
        self.last = Some(Measured { bytes, lost, at: Instant::now(), took, certain });
    }
}
