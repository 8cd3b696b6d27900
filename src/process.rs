use std::sync::Arc;

use napi_derive::napi;
use sandbar_client::{
    Args, ClientError, CommandResult, ErrorRecord, OutputPiece, OutputReader, OutputStream, Process, StartCall, Started,
};
use sandbar_protocol::ValidationError;
use serde_json::json;
use tokio::sync::{Mutex, watch};

use crate::call::{Cancel, record};
use crate::copied_buffer::CopiedBuffer;
use crate::native_runtime::NativeRuntime;
use crate::outcomes::{Mailbox, Outcome};
use crate::runtime::enter;

/// A process in a sandbox that is followed.
#[napi]
pub struct NativeProcess {
    mailbox: Mailbox,
    process: Result<Arc<Process>, Box<ErrorRecord>>,
}

#[napi]
impl NativeRuntime {
    /// Starts a command that is followed.
    #[napi]
    pub fn start(&self, args: String) -> NativeProcess {
        self.follow(&args, Args::start)
    }

    /// Starts a command in a terminal.
    #[napi]
    pub fn create_pty(&self, args: String) -> NativeProcess {
        self.follow(&args, Args::create_pty)
    }

    /// Follows a process that runs.
    #[napi]
    pub fn connect_process(&self, args: String) -> NativeProcess {
        self.follow(&args, Args::connect_process)
    }

    fn follow(&self, args: &str, read: fn(&Args) -> Result<StartCall, ValidationError>) -> NativeProcess {
        let parsed = Args::parse(args).and_then(|args| Ok((read(&args)?, args.trace())));
        let process = parsed.map_err(|error| record(error.into())).and_then(|(start, trace)| {
            let runtime = trace.iter().fold(self.inside()?.runtime, |runtime, trace| runtime.within(trace));
            let _entered = enter()?;
            Ok(Arc::new(start.begin(&runtime)))
        });
        NativeProcess { mailbox: self.mailbox().clone(), process }
    }
}

#[napi]
impl NativeProcess {
    /// Which process it is, once it has started: `{"pid", "cmdId"?}`.
    #[napi]
    pub fn started(&self, place: u32) {
        self.ask(place, None, |process| async move {
            process.started().await.map(|started: Started| json!(started).to_string())
        });
    }

    /// Waits for its end: `{"stdout", "stderr", "pty"?, "exitCode", "durationMs", "error"?, "truncated"?}`.
    #[napi]
    pub fn wait(&self, place: u32, cancel: Cancel<'_>) {
        self.ask(place, cancel, |process| async move {
            process.wait().await.map(|result: CommandResult| json!(result).to_string())
        });
    }

    /// Somebody who reads its output, from the oldest byte that is kept.
    #[napi]
    pub fn reader(&self) -> NativeOutput {
        let reader = self.process.as_ref().ok().map(|process| process.reader());
        NativeOutput {
            mailbox: self.mailbox.clone(),
            reader: Arc::new(Mutex::new(reader)),
            stopped: watch::Sender::new(false),
        }
    }

    /// Kills it with all it has started, also if it is only about to start.
    #[napi]
    pub fn doom(&self) {
        if let (Ok(process), Ok(_entered)) = (&self.process, enter()) {
            process.doom();
        }
    }

    /// Does not follow it any more; it runs on.
    #[napi]
    pub fn disconnect(&self) {
        if let Ok(process) = &self.process {
            process.disconnect();
        }
    }

    fn ask<F>(&self, place: u32, cancel: Cancel<'_>, question: impl FnOnce(Arc<Process>) -> F + Send + 'static)
    where
        F: Future<Output = Result<String, Arc<ClientError>>> + Send + 'static,
    {
        let process = self.process.clone();
        let cancelled = cancel.map(|handle| handle.token());
        self.mailbox.settle(place, async move {
            let asked = question(process?);
            let answer = match cancelled {
                Some(cancelled) => cancelled.run_until_cancelled(asked).await,
                None => Some(asked.await),
            };
            let of = |error: Arc<ClientError>| Box::new(ErrorRecord::from(&*error));
            answer.map_or_else(|| Err(Box::new(ErrorRecord::cancelled())), |answer| -> Outcome { answer.map_err(of) })
        });
    }
}

/// Somebody who reads a process's output.
#[napi]
pub struct NativeOutput {
    mailbox: Mailbox,
    reader: Arc<Mutex<Option<OutputReader>>>,
    stopped: watch::Sender<bool>,
}

#[napi]
impl NativeOutput {
    /// The next piece: a byte that says where it was printed to (1 stdout, 2 stderr, 3 terminal), then what was printed.
    /// Null at the end, and once it is stopped.
    #[napi]
    pub fn next(&self, place: u32) {
        let reader = Arc::clone(&self.reader);
        let mut stopped = self.stopped.subscribe();
        self.mailbox.settle(place, async move {
            let mut reader = reader.lock().await;
            let next = async {
                match reader.as_mut() {
                    Some(reader) => reader.next().await,
                    None => None,
                }
            };
            let piece = tokio::select! {
                biased;
                // An error says that it is gone: stopped as well.
                _ = stopped.wait_for(|stopped| *stopped) => None,
                piece = next => piece,
            };
            if piece.is_none() {
                // It holds nothing back any more.
                *reader = None;
            }
            Ok(piece.map(|piece| CopiedBuffer(marked(&piece))))
        });
    }

    /// Stops it at once.
    #[napi]
    pub fn stop(&self) {
        self.stopped.send_replace(true);
        if let Ok(mut reader) = self.reader.try_lock() {
            *reader = None;
        }
    }
}

fn marked(piece: &OutputPiece) -> Vec<u8> {
    let mark = match piece.stream {
        OutputStream::Stdout => 1,
        OutputStream::Stderr => 2,
        OutputStream::Pty => 3,
    };
    let mut bytes = Vec::with_capacity(piece.bytes.len() + 1);
    bytes.push(mark);
    bytes.extend_from_slice(&piece.bytes);
    bytes
}
