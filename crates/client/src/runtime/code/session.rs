use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::TAG_PREFIX;
use super::message::{CodeError, Crash, Lines, Message};
use crate::runtime::Runtime;
use crate::runtime::process::{
    Attach, InputCall, OutputReader, OutputStream, Process, ProcessConfig, Selector, StartRequest,
};
use crate::{CallOptions, ClientError};

const DRIVER: &str =
    concat!(include_str!("driver/results.py"), include_str!("driver/worker.py"), include_str!("driver/supervisor.py"));
/// The exit code for a missing interpreter, as in shells.
const MISSING: i32 = 127;
/// Says so by itself, whatever a service makes of a program that is not there.
const BEGIN: &str = "command -v python3 >/dev/null 2>&1 || exit 127; exec python3 -u -c \"$0\" \"$@\"";
/// How many answers wait for an execution's reader before the driver waits as well.
const MOST_WAITING: usize = 64;
/// How long the end of a process that refuses input may take to be known.
const END_IS_KNOWN: Duration = Duration::from_secs(2);
/// How much is kept of what the driver prints that is no answer, in bytes.
const COMPLAINTS_KEPT: usize = 64 * 1024;

/// Why a context's process is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// By a call that wants it new.
    Anew,
    /// By code that needs it: variables of an earlier one may be missed.
    Needed,
}

/// A context's process, as it is reached from here. Its answers are read all the time, so that it waits for no client.
#[derive(Debug)]
pub(super) struct Session {
    process: Process,
    pid: u32,
    inbox: Arc<Inbox>,
    reading: AbortHandle,
    is_abandoned: AtomicBool,
    /// Whether it was started from here and nobody can use it yet.
    is_starting: AtomicBool,
}

/// Where answers go.
#[derive(Debug, Default)]
struct Inbox {
    executions: Mutex<HashMap<String, mpsc::Sender<Message>>>,
    state: watch::Sender<State>,
    complaints: Mutex<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Starting,
    Ready,
    Ended,
}

/// The answers to one request.
#[derive(Debug)]
pub(super) struct Answers {
    receiver: mpsc::Receiver<Message>,
    inbox: Arc<Inbox>,
    id: String,
}

impl Session {
    /// Starts a context.
    pub(super) async fn start(
        runtime: &Runtime,
        id: &str,
        cwd: Option<String>,
        why: Start,
        call: &CallOptions,
    ) -> Result<Self, Arc<ClientError>> {
        let why = if why == Start::Anew { "anew" } else { "needed" };
        let args = ["-c", BEGIN, DRIVER, id, why].map(str::to_owned).to_vec();
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
        let inbox = Arc::new(Inbox::default());
        let reading = tokio::spawn(read(process.reader(), Arc::clone(&inbox))).abort_handle();
        let (is_abandoned, is_starting) = (AtomicBool::new(false), AtomicBool::new(is_starting));
        let mut session = Self { process, pid: 0, inbox, reading, is_abandoned, is_starting };
        session.pid = session.process.started().await?.pid;
        Ok(session)
    }

    /// Whether it takes no requests any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed) || self.process.has_ended()
    }

    /// Whether its process has ended, or is about to.
    pub(super) async fn ends(&self) -> bool {
        timeout(END_IS_KNOWN, self.process.wait()).await.is_ok()
    }

    /// Nobody relies on it any more.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    /// Waits until it takes requests; false if it has ended before that.
    pub(super) async fn is_ready(&self) -> bool {
        let mut state = self.inbox.state.subscribe();
        let is_ready =
            state.wait_for(|state| *state != State::Starting).await.is_ok_and(|state| *state == State::Ready);
        if is_ready {
            self.is_starting.store(false, Ordering::Relaxed);
        }
        is_ready
    }

    /// The answers to a request that is about to be sent; they end with the process.
    pub(super) fn answers(&self, id: &str) -> Answers {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        let mut executions = self.inbox.executions();
        // After the end, the sender is dropped here.
        if *self.inbox.state.borrow() != State::Ended {
            executions.insert(id.to_owned(), sender);
        }
        Answers { receiver, inbox: Arc::clone(&self.inbox), id: id.to_owned() }
    }

    pub(super) async fn send(&self, runtime: &Runtime, request: &Value, call: &CallOptions) -> Result<(), ClientError> {
        let process = Selector::Pid(self.pid);
        // The line before may have been cut off with its sender.
        let bytes = format!("\n{request}\n").into_bytes();
        runtime.send_input(&InputCall { process, bytes, to_terminal: false }, call).await
    }

    pub(super) async fn kill(&self, runtime: &Runtime, call: &CallOptions) {
        // One that has ended is as good.
        let _ = runtime.kill_process(&Selector::Pid(self.pid), call).await;
    }

    /// What to say of a process that has ended; it is waited for.
    pub(super) async fn crash(&self) -> Result<CodeError, Arc<ClientError>> {
        let result = self.process.wait().await?;
        let status = self.process.end_status().filter(|status| !status.is_empty());
        let status = status.unwrap_or_else(|| format!("exit status {}", result.exit_code));
        let traceback = self.inbox.complaints().clone();
        Ok(CodeError { traceback, ..Crash { status, ..Crash::default() }.error() })
    }

    /// Whether the interpreter was not there in the first place.
    pub(super) async fn is_missing(&self) -> bool {
        self.process.has_ended() && self.process.wait().await.is_ok_and(|result| result.exit_code == MISSING)
    }
}

impl Drop for Session {
    /// A start that was given up leaves no process.
    fn drop(&mut self) {
        self.reading.abort();
        if self.is_starting.load(Ordering::Relaxed) {
            self.process.doom();
        }
    }
}

impl Answers {
    /// The next one; none once the process has ended. A call that is dropped loses nothing.
    pub(super) async fn next(&mut self) -> Option<Message> {
        self.receiver.recv().await
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.inbox.executions().remove(&self.id);
    }
}

impl Inbox {
    fn executions(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Message>>> {
        self.executions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complaints(&self) -> MutexGuard<'_, String> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn deliver(&self, message: Message) {
        if message.ready {
            self.state.send_replace(State::Ready);
        }
        if message.is_unreadable {
            // It may be an answer to any of them.
            let all: Vec<_> = self.executions().values().cloned().collect();
            for sender in all {
                let message = Message { is_unreadable: true, ..Message::default() };
                let _ = sender.send(message).await;
            }
            return;
        }
        let sender = message.id.as_ref().and_then(|id| self.executions().get(id).cloned());
        if let Some(sender) = sender {
            // Whoever does not wait any more needs no answer.
            let _ = sender.send(message).await;
        }
    }

    fn complain(&self, bytes: &[u8]) {
        let mut complaints = self.complaints();
        if complaints.len() < COMPLAINTS_KEPT {
            complaints.push_str(&String::from_utf8_lossy(bytes));
        }
    }
}

/// Reads the answers of a process, to its end.
async fn read(mut reader: OutputReader, inbox: Arc<Inbox>) {
    let mut lines = Lines::default();
    while let Some(piece) = reader.next().await {
        match piece.stream {
            OutputStream::Stdout => {
                lines.push(&piece.bytes);
                while let Some(message) = lines.next() {
                    inbox.deliver(message).await;
                }
            }
            _ => inbox.complain(&piece.bytes),
        }
    }
    inbox.state.send_replace(State::Ended);
    inbox.executions().clear();
}
