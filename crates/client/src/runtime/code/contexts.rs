use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::context::CodeContext;
use super::execution::{CodeCall, CodeEvent, Execution};
use super::language::{Language, PYTHON, Way};
use super::session::{Running, Session};
use super::{Code, CreateContextCall, DEFAULT_CONTEXT, Slot, TAG_PREFIX};
use crate::error::{ApiError, Call};
use crate::ids::new_id;
use crate::runtime::process::{ProcessInfo, Selector};
use crate::{CallOptions, ClientError};

/// How often it is looked whether a process that was killed is gone, and how far apart.
const MOST_TRIES: u32 = 300;
const TRY_EVERY: Duration = Duration::from_millis(10);

impl Code {
    /// Runs code. Code that fails is a result, not an error.
    ///
    /// One that is given up by dropping the future is interrupted, and killed if it does not heed that.
    ///
    /// # Errors
    /// As every call; 404 if there is no such context.
    ///
    /// Routes: `POST {envdUrl}/process.Process/{List,Start,Connect,SendInput,SendSignal}`.
    pub async fn run(
        &self,
        code: &CodeCall,
        call: &CallOptions,
        tell: &mut (dyn FnMut(CodeEvent) + Send),
    ) -> Result<Value, Arc<ClientError>> {
        if code.language.way != Way::Context {
            return self.run_once(code, call, tell).await;
        }
        let id = code.context.as_deref().unwrap_or(DEFAULT_CONTEXT);
        let mut slot = self.slot(id).await;
        let mut execution = Execution::in_context(id);
        self.reach(&mut slot, id, call).await?;
        execution.was_restarted = std::mem::take(&mut slot.was_lost);
        Running::new(self, slot).run(code, &mut execution, call, tell).await?;
        Ok(execution.finish())
    }

    /// Makes a context, with a process of its own.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST {envdUrl}/process.Process/Start`.
    pub async fn create_context(
        &self,
        create: &CreateContextCall,
        call: &CallOptions,
    ) -> Result<CodeContext, Arc<ClientError>> {
        let id = new_id().simple().to_string();
        let session = self.start(&id, create.cwd.clone(), call).await?;
        self.slot(&id).await.session = Some(session);
        Ok(CodeContext::python(&id, create.cwd.clone()))
    }

    /// The contexts that there are, whoever has made them.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST {envdUrl}/process.Process/List`.
    pub async fn contexts(&self, call: &CallOptions) -> Result<Vec<CodeContext>, Arc<ClientError>> {
        let processes = self.runtime.processes(call).await?;
        let contexts = processes.into_iter().filter_map(|process| {
            let id = process.tag.as_deref()?.strip_prefix(TAG_PREFIX)?.to_owned();
            Some(CodeContext::python(&id, process.config.cwd))
        });
        Ok(contexts.collect())
    }

    /// Ends a context's process, and starts it anew where it was started.
    ///
    /// # Errors
    /// As every call; 404 if there is no such context.
    ///
    /// Routes: `POST {envdUrl}/process.Process/{List,SendSignal,Start}`.
    pub async fn restart_context(&self, id: &str, call: &CallOptions) -> Result<CodeContext, Arc<ClientError>> {
        let found = self.find(id, call).await?;
        if found.is_none() && id != DEFAULT_CONTEXT {
            return Err(Arc::new(self.no_context(id)));
        }
        let cwd = found.and_then(|process| process.config.cwd);
        // What runs in it has to end first: it holds the place.
        self.end(id, call).await?;
        let mut slot = self.slot(id).await;
        *slot = Slot::default();
        self.gone(id, call).await?;
        slot.session = Some(self.start(id, cwd.clone(), call).await?);
        Ok(CodeContext::python(id, cwd))
    }

    /// Ends a context, with all that it has started.
    ///
    /// # Errors
    /// As every call; 404 if there is no such context.
    ///
    /// Route: `POST {envdUrl}/process.Process/SendSignal`.
    pub async fn remove_context(&self, id: &str, call: &CallOptions) -> Result<(), Arc<ClientError>> {
        let was_there = self.end(id, call).await?;
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        if !was_there {
            return Err(Arc::new(self.no_context(id)));
        }
        Ok(self.gone(id, call).await?)
    }

    async fn start(&self, id: &str, cwd: Option<String>, call: &CallOptions) -> Result<Session, Arc<ClientError>> {
        let mut session = Session::start(&self.runtime, id, cwd, call).await?;
        if session.is_ready().await {
            return Ok(session);
        }
        if session.is_missing().await {
            return Err(Arc::new(self.no_interpreter(PYTHON)));
        }
        let crash = session.crash().await?;
        let why = format!("the code context did not start: {}: {}", crash.message, crash.traceback.trim());
        Err(Arc::new(self.refusal(400, "failed_precondition", why)))
    }

    async fn end(&self, id: &str, call: &CallOptions) -> Result<bool, ClientError> {
        self.runtime.kill_process(&Selector::Tag(format!("{TAG_PREFIX}{id}")), call).await
    }

    /// Waits until the tag is free.
    async fn gone(&self, id: &str, call: &CallOptions) -> Result<(), ClientError> {
        for _ in 0..MOST_TRIES {
            if !self.end(id, call).await? {
                break;
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
        Ok(())
    }

    /// The place of a context's session; executions of one context wait for each other here.
    async fn slot(&self, id: &str) -> OwnedMutexGuard<Slot> {
        let slot = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sessions.entry(id.to_owned()).or_default())
        };
        slot.lock_owned().await
    }

    /// Sees to it that there is a session.
    async fn reach(&self, slot: &mut Slot, id: &str, call: &CallOptions) -> Result<(), Arc<ClientError>> {
        if let Some(session) = &slot.session
            && session.has_ended()
        {
            slot.session = None;
            slot.was_lost = true;
        }
        if slot.session.is_some() {
            return Ok(());
        }
        let session = match self.find(id, call).await? {
            Some(process) => Session::connect(&self.runtime, process.pid, call).await?,
            None if id != DEFAULT_CONTEXT && !slot.was_lost => return Err(Arc::new(self.no_context(id))),
            None => self.start(id, None, call).await?,
        };
        // One that was only not reached for a while has its variables still.
        slot.session = Some(session);
        Ok(())
    }

    async fn find(&self, id: &str, call: &CallOptions) -> Result<Option<ProcessInfo>, ClientError> {
        let processes = self.runtime.processes(call).await?;
        let is_it =
            |process: &ProcessInfo| process.tag.as_deref().and_then(|tag| tag.strip_prefix(TAG_PREFIX)) == Some(id);
        Ok(processes.into_iter().find(is_it))
    }

    fn no_context(&self, id: &str) -> ClientError {
        self.refusal(404, "not_found", format!("there is no code context {id}: make one by createCodeContext()"))
    }

    pub(super) fn no_interpreter(&self, language: Language) -> ClientError {
        self.refusal(400, "failed_precondition", language.is_missing())
    }

    /// What the service would say, if it knew of code.
    fn refusal(&self, status: u16, code: &str, message: String) -> ClientError {
        let call = Call {
            method: "POST",
            path: "/process.Process/Start".to_owned(),
            sandbox_id: Some(self.runtime.sandbox_id().to_owned()),
            ..Call::default()
        };
        ClientError::Api(Box::new(ApiError {
            status,
            code: Some(code.to_owned()),
            message: Some(message),
            details: None,
            body: None,
            retry_after: None,
            location: None,
            call,
        }))
    }
}
