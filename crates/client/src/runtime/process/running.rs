use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sandbar_protocol::Secret;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::ending::{CommandFailure, CommandResult, Ending};
use super::output::{Output, OutputReader};
use super::wire::{Selector, StartRequest, Started};
use crate::in_flight::Entered;
use crate::redaction::Redaction;
use crate::runtime::Runtime;
use crate::{CallOptions, ClientError, FollowLoss};

/// Which process is followed, and from when on.
#[derive(Clone, Debug)]
pub enum Attach {
    /// A new one.
    Start(StartRequest),
    /// One that runs.
    To(Selector),
}

/// A process in a sandbox that is followed: its output is taken in as it comes, whether somebody reads it or not.
///
/// One that is dropped runs on, and is not followed any more. It is followed in the background of the tokio runtime that
/// it was made in.
#[derive(Debug)]
pub struct Process {
    pub(super) shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) runtime: Runtime,
    pub(super) call: CallOptions,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) output: Arc<Output>,
    /// It is to be killed as soon as it is known which process it is.
    is_doomed: AtomicBool,
    /// Held until that is done.
    killing: Mutex<Option<Entered>>,
    /// When it began to be followed.
    begun: Instant,
    /// What its start was asked for; nothing of one that ran already.
    pub(super) limit_ms: Option<u64>,
    pub(super) input: Option<String>,
    pub(super) has_terminal: bool,
    pub(super) check: bool,
    redaction: Redaction,
}

/// Where it is in its life.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Starting,
    Running { started: Started, since: Instant },
    Ended { started: Option<Started>, took: Duration, outcome: Result<Ending, Arc<ClientError>> },
}

impl Runtime {
    /// Starts a process, or follows one that runs.
    ///
    /// It must be called within a tokio runtime. What goes wrong is told by [`Process::started`].
    ///
    /// Routes: `POST {envdUrl}/process.Process/Start`, `POST {envdUrl}/process.Process/Connect`.
    pub fn follow_process(&self, attach: Attach, call: &CallOptions) -> Process {
        self.follow_with(attach, Extras::default(), call)
    }

    /// The same, of one that is given input.
    pub(in crate::runtime) fn follow_with_input(
        &self,
        attach: Attach,
        input: Option<String>,
        call: &CallOptions,
    ) -> Process {
        self.follow_with(attach, Extras { input, ..Extras::default() }, call)
    }

    pub(super) fn follow_with(&self, attach: Attach, extras: Extras, call: &CallOptions) -> Process {
        let Extras { input, check, has_terminal } = extras;
        let (limit_ms, variables) = match &attach {
            Attach::Start(request) => (request.timeout_ms, request.process.envs.clone()),
            Attach::To(_) => (None, None::<BTreeMap<String, Secret>>),
        };
        let has_pty = matches!(&attach, Attach::Start(request) if request.pty.is_some());
        let shared = Arc::new(Shared {
            runtime: self.clone(),
            call: call.clone(),
            phase: watch::Sender::new(Phase::Starting),
            output: Arc::default(),
            is_doomed: AtomicBool::new(false),
            killing: Mutex::default(),
            begun: Instant::now(),
            limit_ms,
            input,
            has_terminal: has_terminal || has_pty,
            check,
            redaction: Redaction::of_variables(variables.as_ref()),
        });
        let task = tokio::spawn(Arc::clone(&shared).live(attach)).abort_handle();
        Process { shared, task }
    }
}

/// What else a process is asked for, beside what the service is sent.
#[derive(Debug, Default)]
pub(super) struct Extras {
    /// Text for its standard input, which is then closed.
    pub(super) input: Option<String>,
    /// Whether its failure is an error.
    pub(super) check: bool,
    /// Whether one that runs has a terminal.
    pub(super) has_terminal: bool,
}

impl Process {
    /// Which process it is, once it has started.
    ///
    /// # Errors
    /// As every call; 404 if there is none to follow.
    pub async fn started(&self) -> Result<Started, Arc<ClientError>> {
        let mut phase = self.shared.phase.subscribe();
        let known = phase.wait_for(|phase| !matches!(phase, Phase::Starting)).await;
        match known.as_deref() {
            Ok(Phase::Running { started, .. } | Phase::Ended { started: Some(started), .. }) => Ok(started.clone()),
            Ok(Phase::Ended { outcome: Err(error), .. }) => Err(Arc::clone(error)),
            _ => Err(Arc::new(self.shared.nothing_started())),
        }
    }

    /// Waits for its end. Any number of callers may wait, before and after it.
    ///
    /// # Errors
    /// As every call; [`ClientError::CommandFailed`] if it was to be checked, and failed.
    pub async fn wait(&self) -> Result<CommandResult, Arc<ClientError>> {
        let shared = &self.shared;
        let mut phase = shared.phase.subscribe();
        let ended = match phase.wait_for(|phase| matches!(phase, Phase::Ended { .. })).await.as_deref() {
            Ok(Phase::Ended { outcome, took, .. }) => outcome.clone().map(|ending| (ending, *took)),
            _ => Err(Arc::new(shared.nothing_started())),
        };
        let (ending, took) = ended?;
        let result = CommandResult::of(&shared.output, &ending, took, shared.has_terminal);
        if !shared.check {
            return Ok(result);
        }
        let failed = |failure: Box<CommandFailure>| Arc::new(ClientError::CommandFailed(failure));
        result.checked(&shared.redaction, shared.runtime.sandbox_id()).map_err(failed)
    }

    /// How it ended, in the service's words, as `signal: killed`; `None` before its end.
    pub(in crate::runtime) fn end_status(&self) -> Option<String> {
        match &*self.shared.phase.borrow() {
            Phase::Ended { outcome: Ok(ending), .. } => Some(ending.status.clone().unwrap_or_default()),
            _ => None,
        }
    }

    /// Whether it is followed to its end already.
    pub fn has_ended(&self) -> bool {
        matches!(*self.shared.phase.borrow(), Phase::Ended { .. })
    }

    /// Somebody who reads its output, from the oldest byte that is kept.
    pub fn reader(&self) -> OutputReader {
        OutputReader::of(&self.shared.output)
    }

    /// Kills it with all that it has started, also if it is only about to start, and does not follow it any more.
    ///
    /// Nobody has to wait for that to be done; [`Client::settled`](crate::Client::settled) can. It must be called within a
    /// tokio runtime.
    pub fn doom(&self) {
        let shared = &self.shared;
        *shared.killing.lock().unwrap_or_else(PoisonError::into_inner) = Some(shared.runtime.enter());
        shared.is_doomed.store(true, Ordering::SeqCst);
        if self.has_ended() {
            // There is nothing to kill, and nobody who would say that it is done.
            *shared.killing.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return;
        }
        let running = shared.started().map(|started| started.pid);
        shared.leave();
        shared.output.complete();
        if let Some(pid) = running {
            self.task.abort();
            tokio::spawn(Arc::clone(shared).kill(pid));
        }
    }

    /// Does not follow it any more; it runs on. Readers come to their end.
    pub fn disconnect(&self) {
        self.shared.leave();
        self.task.abort();
        self.shared.output.complete();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What is to be killed has to be known first.
        if !self.shared.is_doomed.load(Ordering::SeqCst) {
            self.task.abort();
        }
    }
}

impl Shared {
    /// Takes in that it has started; false if nobody wants it any more: it is killed then.
    pub(super) async fn begin(self: &Arc<Self>, started: Started) -> bool {
        let pid = started.pid;
        self.phase.send_if_modified(|phase| {
            let is_news = matches!(phase, Phase::Starting);
            if is_news {
                *phase = Phase::Running { started, since: Instant::now() };
            }
            is_news
        });
        // After the phase is told: whoever dooms it meanwhile has seen it run.
        if self.is_doomed.load(Ordering::SeqCst) {
            Arc::clone(self).kill(pid).await;
            return false;
        }
        true
    }

    pub(super) fn started(&self) -> Option<Started> {
        match &*self.phase.borrow() {
            Phase::Running { started, .. } => Some(started.clone()),
            _ => None,
        }
    }

    /// Since when it runs, as far as is known here.
    pub(super) fn since(&self) -> Instant {
        match &*self.phase.borrow() {
            Phase::Running { since, .. } => *since,
            _ => self.begun,
        }
    }

    pub(super) fn finish(&self, outcome: Result<Ending, ClientError>) {
        let limit_ms = self.limit_ms;
        self.output.complete();
        self.end(|took| outcome.map(|ending| ending.within(limit_ms, took)));
        *self.killing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Nobody follows it any more, by the caller's own wish.
    fn leave(&self) {
        let started = self.started();
        self.end(|_| Err(self.not_followed(started.as_ref(), FollowLoss::Disconnected)));
    }

    /// Takes its end in, unless it has one already.
    fn end(&self, outcome: impl FnOnce(Duration) -> Result<Ending, ClientError>) {
        self.phase.send_if_modified(|phase| {
            let (started, took) = match phase {
                Phase::Running { started, since } => (Some(started.clone()), since.elapsed()),
                Phase::Starting => (None, Duration::ZERO),
                Phase::Ended { .. } => return false,
            };
            *phase = Phase::Ended { started, took, outcome: outcome(took).map_err(Arc::new) };
            true
        });
    }

    async fn kill(self: Arc<Self>, pid: u32) {
        // There is nobody left to tell, and one that has ended is as good.
        let _ = self.runtime.kill_process(&Selector::Pid(pid), &self.call).await;
        *self.killing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn nothing_started(&self) -> ClientError {
        self.not_followed(None, FollowLoss::Disconnected)
    }

    pub(super) fn not_followed(&self, started: Option<&Started>, cause: FollowLoss) -> ClientError {
        let sandbox_id = self.runtime.sandbox_id().to_owned();
        ClientError::NotFollowed { pid: started.map(|started| started.pid), sandbox_id, cause }
    }
}
