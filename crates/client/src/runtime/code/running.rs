use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::LastWorker;
use super::execution::{CodeCall, CodeEvent, Execution};
use super::limit::{GRACE, Limit, MARGIN};
use super::message::{CodeError, Message};
use super::session::{Answers, Session};
use crate::ids::new_id;
use crate::runtime::Runtime;
use crate::{CallOptions, ClientError};

/// Longer code is sent in parts, each a line of its own: other clients may write between them. In bytes.
const MOST_IN_ONE_LINE: usize = 128 * 1024;
/// How long a request of the clean-up may take.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// An execution: from being sent to its last answer. One that is dropped before that is cancelled.
pub(super) struct Running {
    runtime: Runtime,
    session: Arc<Session>,
    /// None once the last one has come.
    answers: Option<Answers>,
    worker: LastWorker,
    id: String,
    has_begun: bool,
    was_interrupted: bool,
}

/// How far an execution came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// To its last answer.
    Done,
    /// The process ended before it ran the code.
    NotBegun,
}

impl Running {
    pub(super) fn new(runtime: &Runtime, session: &Arc<Session>, worker: &LastWorker) -> Self {
        let id = new_id().simple().to_string();
        Self {
            runtime: runtime.clone(),
            session: Arc::clone(session),
            answers: Some(session.answers(&id)),
            worker: Arc::clone(worker),
            id,
            has_begun: false,
            was_interrupted: false,
        }
    }

    /// Puts the code into the context's queue.
    pub(super) async fn send(
        &self,
        code: &CodeCall,
        limit: Option<Limit>,
        call: &CallOptions,
    ) -> Result<(), ClientError> {
        let mut rest = code.code.as_str();
        while rest.len() > MOST_IN_ONE_LINE {
            let end = (0..=MOST_IN_ONE_LINE).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            self.session.send(&self.runtime, &json!({ "id": self.id, "part": part }), call).await?;
            rest = after;
        }
        let CodeCall { cwd, envs, .. } = code;
        let limit = limit.map(Limit::left_ms);
        let request = json!({ "id": self.id, "code": rest, "cwd": cwd, "envs": envs, "limitMs": limit });
        self.session.send(&self.runtime, &request, call).await
    }

    /// Takes its answers in, to the last one. The driver keeps the limit, and this does if the driver is silent.
    pub(super) async fn follow(
        &mut self,
        limit: Option<Limit>,
        execution: &mut Execution,
        tell: &mut (dyn FnMut(CodeEvent) + Send),
    ) -> Result<End, Arc<ClientError>> {
        while let Some(answers) = &mut self.answers {
            let next = tokio::select! {
                biased;
                next = answers.next() => next,
                limit = Limit::overdue(limit) => {
                    tell(execution.error(limit.silent()));
                    return Ok(End::Done);
                }
            };
            let Some(message) = next else {
                let crash = self.session.crash().await?;
                self.answers = None;
                if !self.has_begun {
                    return Ok(End::NotBegun);
                }
                let killed = limit.filter(|_| self.was_interrupted).map(Limit::killed);
                tell(execution.error(killed.unwrap_or(crash)));
                return Ok(End::Done);
            };
            self.take(message, limit, execution, tell);
        }
        Ok(End::Done)
    }

    fn take(
        &mut self,
        message: Message,
        limit: Option<Limit>,
        execution: &mut Execution,
        tell: &mut (dyn FnMut(CodeEvent) + Send),
    ) {
        if message.begun {
            self.has_begun = true;
            execution.was_restarted |= message.restarted | self.is_another_worker(message.process);
        }
        self.was_interrupted |= message.interrupted;
        execution.is_truncated |= message.truncated | (message.is_unreadable && self.has_begun);
        if let Some(text) = message.stdout {
            tell(execution.stdout(&text));
        }
        if let Some(text) = message.stderr {
            tell(execution.stderr(&text));
        }
        if let Some(result) = message.result {
            tell(execution.result(result));
        }
        // The limit is over, whatever the code made of the interrupt.
        let passed = limit.filter(|_| self.was_interrupted);
        if let Some(error) = message.error {
            let CodeError { traceback, truncated, .. } = error.clone();
            let late = passed.map(|limit| CodeError { traceback, truncated, ..limit.interrupted() });
            tell(execution.error(late.unwrap_or(error)));
        }
        let Some(count) = message.done else { return };
        execution.count = count;
        self.answers = None;
        let crash = message.crashed.map(|crash| passed.map_or_else(|| crash.error(), Limit::killed));
        let error = match limit {
            Some(limit) if message.cancelled => Some(limit.not_begun()),
            Some(limit) if message.killed => Some(limit.killed()),
            Some(limit) if passed.is_some() && crash.is_none() && !execution.has_failed() => Some(limit.interrupted()),
            _ => crash,
        };
        if let Some(error) = error {
            tell(execution.error(error));
        }
    }

    /// Whether it is another process than the one that ran this client's code before.
    fn is_another_worker(&self, name: Option<String>) -> bool {
        let mut last = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *last, name);
        before.is_some() && before != *last
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(answers) = self.answers.take() else { return };
        // Without a runtime, the whole process is at its end.
        let Ok(handle) = tokio::runtime::Handle::try_current() else { return };
        let (runtime, session) = (self.runtime.clone(), Arc::clone(&self.session));
        let (id, has_begun) = (std::mem::take(&mut self.id), self.has_begun);
        let entered = runtime.enter();
        handle.spawn(async move {
            let _entered = entered;
            cancel(&runtime, &session, answers, &id, has_begun).await;
        });
    }
}

/// Waits for the last answer.
async fn last_of(answers: &mut Answers, has_begun: &mut bool) {
    while let Some(message) = answers.next().await {
        *has_begun |= message.begun;
        if message.done.is_some() {
            return;
        }
    }
}

/// Takes an execution out of the queue, or interrupts it if it is the one that runs.
async fn cancel(runtime: &Runtime, session: &Session, mut answers: Answers, id: &str, mut has_begun: bool) {
    let call = CallOptions { request_timeout: Some(CLEAN_UP), ..CallOptions::new() };
    let is_sent = session.send(runtime, &json!({ "cancel": id }), &call).await.is_ok();
    if is_sent && timeout(GRACE + MARGIN, last_of(&mut answers, &mut has_begun)).await.is_ok() {
        return;
    }
    session.abandon();
    // Only what is its own: other code may run in the context.
    if has_begun {
        session.kill(runtime, &call).await;
    }
}
