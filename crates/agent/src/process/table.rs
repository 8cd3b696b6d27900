//! The processes that run, and those that have ended and are still remembered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::output::{Budget, CAP_OF_ALL};
use super::request::{Selected, Selector, StartRequest};
use super::running::Process;
use crate::environment::Environment;
use crate::log::Log;
use crate::problem::Problem;

/// How many processes that have ended are remembered, and for how long.
const MAX_ENDED: usize = 256;
const REMEMBERED: Duration = Duration::from_secs(300);
/// Those that ended are forgotten before they take the memory of those that run.
const CAP_OF_ENDED: usize = CAP_OF_ALL / 2;

/// All processes of the sandbox that `Start` has started.
#[derive(Clone, Default)]
pub(crate) struct Processes(Arc<Table>);

#[derive(Default)]
struct Table {
    known: Mutex<Known>,
    started: AtomicU64,
    budget: Budget,
}

#[derive(Default)]
struct Known {
    /// In the order of their start.
    all: Vec<Arc<Process>>,
    /// There is a task that forgets those whose time is over.
    is_watched: bool,
}

impl Processes {
    /// Starts a process, which goes on whoever follows it.
    pub(super) fn start(
        &self,
        request: StartRequest,
        environment: &Environment,
        log: &Log,
    ) -> Result<Arc<Process>, Problem> {
        let mut known = self.lock();
        if let Some(tag) = request.tag() {
            let same = known.all.iter().find(|other| !other.has_ended() && other.tag.as_ref() == Some(&tag));
            if let Some(same) = same {
                let message = format!("process {} runs with the tag {tag:?} already: end it first", same.pid);
                return Err(Problem::exists(message));
            }
        }
        let budget = self.0.budget.clone();
        let (process, started) = Process::start(self.next_cmd_id(), request, environment, log, budget)?;
        known.all.push(process.clone());
        drop(known);
        let (processes, finished) = (self.clone(), process.clone());
        tokio::spawn(async move {
            started.finish(&finished).await;
            processes.remember_the_newest();
        });
        Ok(process)
    }

    /// The process that is meant, running or remembered: one that runs comes first, then the newest.
    pub(super) fn find(&self, selector: &Selector) -> Result<Arc<Process>, Problem> {
        let selected = selector.selected()?;
        let is_meant = |process: &Arc<Process>| match selected {
            Selected::Pid(pid) => i64::from(process.pid) == pid,
            Selected::Tag(tag) => process.tag.as_deref() == Some(tag),
        };
        let known = self.lock();
        let meant = || known.all.iter().rev().filter(|process| is_meant(process));
        meant().find(|process| !process.has_ended()).or_else(|| meant().next()).cloned().ok_or_else(|| {
            Problem::not_found(match selected {
                Selected::Pid(pid) => format!("process not found: no process {pid} runs in this sandbox"),
                Selected::Tag(tag) => {
                    format!("process not found: no process with the tag {tag:?} runs in this sandbox")
                }
            })
        })
    }

    /// The same, if it still runs.
    pub(super) fn find_running(&self, selector: &Selector) -> Result<Arc<Process>, Problem> {
        let process = self.find(selector)?;
        if process.has_ended() {
            return Err(Problem::not_found(format!("process not found: process {} has ended", process.pid)));
        }
        Ok(process)
    }

    /// The process with this `cmdId`.
    pub(super) fn find_command(&self, cmd_id: &str) -> Result<Arc<Process>, Problem> {
        let found = self.lock().all.iter().find(|process| process.cmd_id == cmd_id).cloned();
        found.ok_or_else(|| {
            Problem::not_found(format!(
                "process not found: no process with the cmdId {cmd_id:?} is remembered, as those are that ended less than \
                 {} minutes ago",
                REMEMBERED.as_secs() / 60
            ))
        })
    }

    /// All that run, in the order of their start.
    pub(super) fn running(&self) -> Vec<Arc<Process>> {
        self.lock().all.iter().filter(|process| !process.has_ended()).cloned().collect()
    }

    /// Unlike a pid, it is never used twice, in another run of the sandbox either.
    fn next_cmd_id(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        format!("cmd-{now:x}-{}", self.0.started.fetch_add(1, Ordering::Relaxed))
    }

    fn remember_the_newest(&self) {
        let mut known = self.lock();
        known.keep_within_limits();
        if !known.is_watched {
            known.is_watched = true;
            // One for all of them: many short processes would have many tasks that wait.
            tokio::spawn(self.clone().forget_in_time());
        }
    }

    async fn forget_in_time(self) {
        loop {
            let Some(next) = self.lock().forget_the_old(Instant::now()) else { return };
            tokio::time::sleep_until(next).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn keep_within_limits(&mut self) {
        let ended = || self.all.iter().filter(|process| process.has_ended());
        let mut count = ended().count();
        let mut cost: usize = ended().map(|process| process.output.cost()).sum();
        self.all.retain(|process| {
            let is_remembered = !process.has_ended() || (count <= MAX_ENDED && cost <= CAP_OF_ENDED);
            if !is_remembered {
                count -= 1;
                cost = cost.saturating_sub(process.output.cost());
            }
            is_remembered
        });
    }

    /// When the next one's time is over; none: no process that has ended is left.
    fn forget_the_old(&mut self, now: Instant) -> Option<Instant> {
        let over = |process: &Arc<Process>| process.ended_at().map(|ended_at| ended_at + REMEMBERED);
        self.all.retain(|process| over(process).is_none_or(|over| over > now));
        let next = self.all.iter().filter_map(over).min();
        self.is_watched = next.is_some();
        next
    }
}
