use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep_until, timeout};

use super::execution::{CodeCall, CodeEvent, Execution};
use super::message::{CodeError, Lines, Message};
use super::{Code, Slot, TAG_PREFIX};
use crate::ids::new_id;
use crate::runtime::Runtime;
use crate::runtime::process::{
    Attach, InputCall, OutputReader, OutputStream, Process, ProcessConfig, Selector, StartRequest,
};
use crate::{CallOptions, ClientError};

const DRIVER: &str = include_str!("driver.py");
/// What a missing interpreter is told by, as shells do.
const MISSING: i32 = 127;
/// Says so by itself, whatever a service makes of a program that is not there.
const BEGIN: &str = "command -v python3 >/dev/null 2>&1 || exit 127; exec python3 -u -c \"$0\"";
/// How long code may take to heed an interrupt.
const GRACE: Duration = Duration::from_secs(2);

/// A context's process, as it is reached from here.
#[derive(Debug)]
pub(super) struct Session {
    process: Process,
    pid: u32,
    reader: OutputReader,
    lines: Lines,
    /// What the driver said that is no answer: how it failed.
    complaints: String,
    /// Whether it was started from here and nobody can use it yet.
    is_starting: bool,
}

impl Drop for Session {
    /// A start that was given up leaves no process.
    fn drop(&mut self) {
        if self.is_starting {
            self.process.doom();
        }
    }
}

impl Session {
    /// Starts a context.
    pub(super) async fn start(
        runtime: &Runtime,
        id: &str,
        cwd: Option<String>,
        call: &CallOptions,
    ) -> Result<Self, Arc<ClientError>> {
        let args = vec!["-c".to_owned(), BEGIN.to_owned(), DRIVER.to_owned()];
        let process = ProcessConfig { cmd: "sh".to_owned(), args: Some(args), envs: None, cwd };
        let tag = Some(format!("{TAG_PREFIX}{id}"));
        let request = StartRequest { process, tag, stdin: true, ..StartRequest::default() };
        Self::of(runtime.follow_process(Attach::Start(request), call), true).await
    }

    /// Reaches a context that runs.
    pub(super) async fn connect(runtime: &Runtime, pid: u32, call: &CallOptions) -> Result<Self, Arc<ClientError>> {
        Self::of(runtime.follow_process(Attach::To(Selector::Pid(pid)), call), false).await
    }

    async fn of(process: Process, is_starting: bool) -> Result<Self, Arc<ClientError>> {
        let (reader, lines) = (process.reader(), Lines::default());
        let mut session = Self { process, pid: 0, reader, lines, complaints: String::new(), is_starting };
        session.pid = session.process.started().await?.pid;
        Ok(session)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.process.has_ended()
    }

    /// Waits until it takes requests; false if it has ended before that.
    pub(super) async fn is_ready(&mut self) -> bool {
        loop {
            match self.message().await {
                None => return false,
                Some(message) if message.ready => {
                    self.is_starting = false;
                    return true;
                }
                Some(_) => {}
            }
        }
    }

    /// The next answer to a request; none if the process is gone. A call that is dropped loses nothing.
    async fn next(&mut self, id: &str) -> Option<Message> {
        loop {
            let message = self.message().await?;
            if message.id.as_deref() == Some(id) {
                return Some(message);
            }
        }
    }

    async fn message(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.lines.next() {
                return Some(message);
            }
            match self.reader.next().await {
                None => return None,
                Some(piece) if piece.stream == OutputStream::Stdout => self.lines.push(&piece.bytes),
                Some(piece) => self.complaints.push_str(&String::from_utf8_lossy(&piece.bytes)),
            }
        }
    }

    async fn ask(&self, runtime: &Runtime, request: &Value, call: &CallOptions) -> Result<(), ClientError> {
        let process = Selector::Pid(self.pid);
        let bytes = format!("{request}\n").into_bytes();
        runtime.send_input(&InputCall { process, bytes, to_terminal: false }, call).await
    }

    async fn interrupt(&self, runtime: &Runtime) {
        // One that is gone is seen by its end.
        let _ = runtime.signal_process(&Selector::Pid(self.pid), "SIGINT", &CallOptions::new()).await;
    }

    async fn kill(&self, runtime: &Runtime) {
        let _ = runtime.kill_process(&Selector::Pid(self.pid), &CallOptions::new()).await;
    }

    /// What to say of a process that has ended under its code.
    pub(super) async fn crash(&self) -> Result<CodeError, Arc<ClientError>> {
        let result = self.process.wait().await?;
        let status = self.process.end_status().filter(|status| !status.is_empty());
        let status = status.unwrap_or_else(|| format!("exit status {}", result.exit_code));
        let message =
            format!("the Python process ended ({status}) and its variables are lost: the next call starts a new one");
        Ok(CodeError { traceback: self.complaints.clone(), ..CodeError::new("InterpreterCrashed", message) })
    }

    /// Whether the interpreter was not there in the first place.
    pub(super) async fn is_missing(&self) -> bool {
        self.has_ended() && self.process.wait().await.is_ok_and(|result| result.exit_code == MISSING)
    }
}

/// An execution in a session. One that is dropped before it is done is interrupted.
pub(super) struct Running {
    runtime: Runtime,
    slot: Option<OwnedMutexGuard<Slot>>,
    id: String,
}

impl Running {
    pub(super) fn new(code: &Code, slot: OwnedMutexGuard<Slot>) -> Self {
        Self { runtime: code.runtime.clone(), slot: Some(slot), id: new_id().simple().to_string() }
    }

    /// Runs the code to its end.
    pub(super) async fn run(
        &mut self,
        code: &CodeCall,
        execution: &mut Execution,
        call: &CallOptions,
        tell: &mut (dyn FnMut(CodeEvent) + Send),
    ) -> Result<(), Arc<ClientError>> {
        let request = json!({ "id": self.id, "code": code.code, "cwd": code.cwd, "envs": code.envs });
        let (runtime, id) = (self.runtime.clone(), self.id.clone());
        let Some(session) = self.session() else { return Ok(()) };
        match session.ask(&runtime, &request, call).await {
            // It has ended just now: what it has to say comes below.
            Err(ClientError::Api(error)) if matches!(error.status, 400 | 404) && session.has_ended() => {}
            Err(error) => return Err(Arc::new(error)),
            Ok(()) => {}
        }
        let limit = code.timeout_ms.map(|limit| (limit, Instant::now() + Duration::from_millis(limit)));
        let mut deadline = limit.map(|(_, deadline)| deadline);
        let mut is_late = false;
        loop {
            let next = tokio::select! {
                biased;
                next = session.next(&id) => next,
                () = wait_until(deadline) => {
                    if is_late {
                        session.kill(&runtime).await;
                        deadline = None;
                    } else {
                        session.interrupt(&runtime).await;
                        is_late = true;
                        deadline = Some(Instant::now() + GRACE);
                    }
                    continue;
                }
            };
            let limit = limit.filter(|_| is_late).map(|(limit, _)| limit);
            match next {
                Some(message) => {
                    if let Some(count) = take(message, execution, limit, tell) {
                        execution.count = count;
                        self.slot = None;
                        return Ok(());
                    }
                }
                None => {
                    let crash = session.crash().await;
                    self.lose();
                    let error = match limit {
                        Some(limit) => timed_out(limit, ", and did not heed the interrupt: its variables are lost"),
                        None => crash?,
                    };
                    tell(execution.error(error));
                    return Ok(());
                }
            }
        }
    }

    fn session(&mut self) -> Option<&mut Session> {
        self.slot.as_mut()?.session.as_mut()
    }

    fn lose(&mut self) {
        if let Some(mut slot) = self.slot.take() {
            slot.session = None;
            slot.was_lost = true;
        }
    }
}

impl Drop for Running {
    /// The next execution waits until this one is out of the way.
    fn drop(&mut self) {
        let Some(mut slot) = self.slot.take() else { return };
        let (runtime, id) = (self.runtime.clone(), std::mem::take(&mut self.id));
        // Without a runtime, the whole process is at its end.
        let Ok(handle) = tokio::runtime::Handle::try_current() else { return };
        let entered = runtime.enter();
        handle.spawn(async move {
            let _entered = entered;
            let Some(session) = slot.session.as_mut() else { return };
            session.interrupt(&runtime).await;
            let done = async {
                loop {
                    match session.next(&id).await {
                        Some(message) if message.done.is_none() => {}
                        Some(_) => return true,
                        None => return false,
                    }
                }
            };
            if timeout(GRACE, done).await != Ok(true) {
                session.kill(&runtime).await;
                slot.session = None;
                slot.was_lost = true;
            }
        });
    }
}

/// Takes an answer in; gives back the number of the execution if that was the last one.
fn take(
    message: Message,
    execution: &mut Execution,
    limit: Option<u64>,
    tell: &mut (dyn FnMut(CodeEvent) + Send),
) -> Option<u64> {
    let Message { stdout, stderr, result, error, done, .. } = message;
    if let Some(text) = stdout {
        tell(execution.stdout(&text));
    }
    if let Some(text) = stderr {
        tell(execution.stderr(&text));
    }
    if let Some(result) = result {
        tell(execution.result(result));
    }
    if let Some(error) = error {
        let error = match limit {
            Some(limit) if error.name == "KeyboardInterrupt" => {
                CodeError { traceback: error.traceback, ..timed_out(limit, "") }
            }
            _ => error,
        };
        tell(execution.error(error));
    }
    done
}

fn timed_out(limit: u64, and: &str) -> CodeError {
    CodeError::new("TimeoutError", format!("the code was interrupted after {limit} ms{and}"))
}

async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
