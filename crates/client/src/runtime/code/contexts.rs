use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;

use super::context::CodeContext;
use super::execution::{CodeCall, CodeEvent, Execution};
use super::language::{Language, PYTHON, Way};
use super::limit::Limit;
use super::running::{End, Running};
use super::session::{Session, Start};
use super::{Code, CreateContextCall, DEFAULT_CONTEXT, Slot, TAG_PREFIX};
use crate::error::{ApiError, Call};
use crate::ids::new_id;
use crate::runtime::process::{ProcessInfo, Selector};
use crate::{CallOptions, ClientError};

/// How often it is looked whether a process that was killed is gone, and how far apart.
const MOST_TRIES: u32 = 300;
const TRY_EVERY: Duration = Duration::from_millis(10);
/// How often a context is looked for, or code sent to it, if its process ends meanwhile.
const MOST_ATTEMPTS: u32 = 3;

impl Code {
    /// Runs code. Code that fails is a result, not an error.
    ///
    /// One that is given up by dropping the future is taken out of the context's queue; if it runs already, it is
    /// interrupted, and killed if it does not heed that. The time limit begins with the call.
    ///
    /// # Errors
    /// As every call; 404 if there is no such context.
    ///
    /// Routes: `POST {envdUrl}/process.Process/{List,Start,Connect,SendInput}`.
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
        let limit = code.timeout_ms.map(Limit::starting_now);
        let mut execution = Execution::in_context(id);
        for _ in 0..MOST_ATTEMPTS {
            let mut running = match Limit::keep(limit, self.send(code, id, limit, call)).await {
                Ok(sent) => sent?,
                Err(limit) => {
                    tell(execution.error(limit.not_begun()));
                    return Ok(execution.finish());
                }
            };
            if running.follow(limit, &mut execution, tell).await? == End::Done {
                return Ok(execution.finish());
            }
        }
        let why = format!("the code context {id} ended {MOST_ATTEMPTS} times before it ran the code");
        Err(Arc::new(self.refusal(400, "failed_precondition", why)))
    }

    /// Puts code into the queue of its context.
    async fn send(
        &self,
        code: &CodeCall,
        id: &str,
        limit: Option<Limit>,
        call: &CallOptions,
    ) -> Result<Running, Arc<ClientError>> {
        let mut slot = self.slot(id).await;
        let session = self.reach(&mut slot, id, call).await?;
        let running = Running::new(&self.runtime, &session, &slot.worker);
        match running.send(code, limit, call).await {
            Ok(()) => Ok(running),
            // If its process has ended, its last answer says so.
            Err(ClientError::Api(error)) if matches!(error.status, 400 | 404) && session.ends().await => Ok(running),
            Err(error) => Err(Arc::new(error)),
        }
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
        let session = self.start(&id, create.cwd.clone(), Start::Anew, call).await?;
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
        let mut slot = self.slot(id).await;
        *slot = Slot::default();
        self.gone(id, call).await?;
        slot.session = Some(self.start(id, cwd.clone(), Start::Anew, call).await?);
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

    async fn start(
        &self,
        id: &str,
        cwd: Option<String>,
        why: Start,
        call: &CallOptions,
    ) -> Result<Arc<Session>, Arc<ClientError>> {
        let session = Session::start(&self.runtime, id, cwd, why, call).await?;
        if session.is_ready().await {
            return Ok(Arc::new(session));
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

    /// The place of a context's session, for one at a time: executions are sent in their order.
    async fn slot(&self, id: &str) -> OwnedMutexGuard<Slot> {
        let slot = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sessions.entry(id.to_owned()).or_default())
        };
        slot.lock_owned().await
    }

    /// The session of a context: the one before, or that of a process that is found or started.
    async fn reach(&self, slot: &mut Slot, id: &str, call: &CallOptions) -> Result<Arc<Session>, Arc<ClientError>> {
        if let Some(session) = slot.session.as_ref().filter(|session| !session.is_over()) {
            return Ok(Arc::clone(session));
        }
        // One that is lost is started anew under its name.
        let is_known = slot.session.is_some() || id == DEFAULT_CONTEXT;
        let mut attempts = 1;
        let session = loop {
            let reached = match self.find(id, call).await? {
                Some(process) => Session::connect(&self.runtime, process.pid, call).await.map(Arc::new),
                None if !is_known => return Err(Arc::new(self.no_context(id))),
                None => self.start(id, None, Start::Needed, call).await,
            };
            match reached {
                // It has ended meanwhile, or another client was faster to start it.
                Err(error) if is_overtaken(&error) && attempts < MOST_ATTEMPTS => attempts += 1,
                reached => break reached?,
            }
        };
        slot.session = Some(Arc::clone(&session));
        Ok(session)
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
            body: Some(json!({ "code": code, "message": message })),
            message: Some(message),
            details: None,
            retry_after: None,
            location: None,
            call,
        }))
    }
}

/// Whether there is another state than was found a moment ago.
fn is_overtaken(error: &ClientError) -> bool {
    matches!(error, ClientError::Api(error) if matches!(error.status, 404 | 409))
}
