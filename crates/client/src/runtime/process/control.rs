use std::collections::BTreeMap;
use std::time::Duration;

use sandbar_protocol::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::wire::{PtySize, Selector, encode};
use crate::error::{Awaited, Call};
use crate::runtime::Runtime;
use crate::runtime::call::RuntimeRequest;
use crate::{Answer, CallOptions, ClientError};

const SEND_INPUT: &str = "/process.Process/SendInput";
/// How much input one request carries, in bytes.
const INPUT_PIECE: usize = 1024 * 1024;

/// A process that runs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessInfo {
    /// Its process ID inside the sandbox.
    pub pid: u32,
    /// What its result can be asked for by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd_id: Option<String>,
    /// The name that it was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What it was started as.
    #[serde(default)]
    pub config: ProcessStartedAs,
}

/// What a process was started as.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ProcessStartedAs {
    /// The command line or program.
    #[serde(default)]
    pub cmd: String,
    /// The program's arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Its own variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envs: Option<BTreeMap<String, Secret>>,
    /// Where it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// Answer of `SendInput`.
#[derive(Deserialize)]
struct InputAnswer {
    /// How many bytes went in; all of them if the runtime does not say.
    #[serde(default)]
    written: Option<usize>,
}

/// Input for a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputCall {
    /// Which process.
    pub process: Selector,
    /// What it gets.
    pub bytes: Vec<u8>,
    /// Whether its terminal gets it.
    pub to_terminal: bool,
}

impl Runtime {
    /// The processes that run and can be followed.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST {envdUrl}/process.Process/List`.
    pub async fn processes(&self, call: &CallOptions) -> Result<Vec<ProcessInfo>, ClientError> {
        #[derive(Deserialize)]
        struct Processes {
            #[serde(default)]
            processes: Option<Vec<ProcessInfo>>,
        }
        let request = RuntimeRequest::post("/process.Process/List").json(&json!({}));
        let answer: Answer<Processes> = self.unary(request, call).await?;
        Ok(answer.value.processes.unwrap_or_default())
    }

    /// Kills a process with all that it has started; false if there is none.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST {envdUrl}/process.Process/SendSignal`.
    pub async fn kill_process(&self, process: &Selector, call: &CallOptions) -> Result<bool, ClientError> {
        self.signal_process(process, "SIGKILL", call).await
    }

    /// Sends a process a signal, by its name as `SIGTERM`; false if there is none.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST {envdUrl}/process.Process/SendSignal`.
    pub async fn signal_process(
        &self,
        process: &Selector,
        signal: &str,
        call: &CallOptions,
    ) -> Result<bool, ClientError> {
        let body = json!({ "process": process, "signal": format!("SIGNAL_{signal}") });
        // A signal that comes twice does what it does once, or the process is gone.
        let request = RuntimeRequest::post("/process.Process/SendSignal").json(&body);
        match self.unary::<Value>(request, call).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_gone() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes to a process. The request timeout bounds each wait for the process to read more; one that is given to the call
    /// counts for all of the input.
    ///
    /// # Errors
    /// As every call: 404 if there is none, 400 if it takes no input; [`ClientError::RequestTimeout`] if it does not read.
    ///
    /// Route: `POST {envdUrl}/process.Process/SendInput`.
    pub async fn send_input(&self, input: &InputCall, call: &CallOptions) -> Result<(), ClientError> {
        let patience = self.client.limits(call).timeout;
        self.write_input(input, Some(patience), &call.as_a_whole()).await
    }

    /// The same, however long the process takes to read it.
    ///
    /// # Errors
    /// As [`Runtime::send_input`], but for those of a process that does not read.
    pub async fn feed_input(&self, input: &InputCall, call: &CallOptions) -> Result<(), ClientError> {
        self.write_input(input, None, call).await
    }

    async fn write_input(
        &self,
        input: &InputCall,
        patience: Option<Duration>,
        call: &CallOptions,
    ) -> Result<(), ClientError> {
        let field = if input.to_terminal { "pty" } else { "stdin" };
        let (mut written, mut last_progress, mut is_answered) = (0, Instant::now(), false);
        while let Some(rest @ [_, ..]) = input.bytes.get(written..) {
            let piece = rest.get(..INPUT_PIECE).unwrap_or(rest);
            let body = json!({ "process": input.process, "input": { field: encode(piece) }, "partial": true });
            let request = RuntimeRequest::post(SEND_INPUT).json(&body).not_twice();
            let taken = match (self.unary::<InputAnswer>(request, call).await, patience) {
                // The time is up, and the answers before said how much went in.
                (Err(ClientError::RequestTimeout { .. }), Some(limit)) if is_answered => {
                    return Err(self.not_read(limit, written, input.bytes.len()));
                }
                (outcome, _) => outcome?.value.written.unwrap_or(piece.len()),
            };
            is_answered = true;
            if taken > 0 {
                written += taken;
                last_progress = Instant::now();
            } else if let Some(limit) = patience.filter(|limit| last_progress.elapsed() >= *limit) {
                return Err(self.not_read(limit, written, input.bytes.len()));
            }
        }
        Ok(())
    }

    fn not_read(&self, limit: Duration, written: usize, all: usize) -> ClientError {
        let causes = vec![format!("the process did not read its input: {written} of {all} bytes went in")];
        let call = Call {
            method: "POST",
            path: self.access.get().map(|place| place.join(SEND_INPUT).path().to_owned()).unwrap_or_default(),
            attempts: 1,
            sandbox_id: Some(self.sandbox_id.to_string()),
            ..Call::default()
        };
        ClientError::RequestTimeout { limit, awaited: Awaited::Room, causes, call: Box::new(call) }
    }

    /// Closes a process's standard input.
    ///
    /// # Errors
    /// As every call: 404 if there is none.
    ///
    /// Route: `POST {envdUrl}/process.Process/CloseStdin`.
    pub async fn close_stdin(&self, process: &Selector, call: &CallOptions) -> Result<(), ClientError> {
        let request = RuntimeRequest::post("/process.Process/CloseStdin").json(&json!({ "process": process }));
        self.unary::<Value>(request, call).await.map(drop)
    }

    /// Changes the size of a process's terminal.
    ///
    /// # Errors
    /// As every call: 404 if there is none, 400 if it has no terminal.
    ///
    /// Route: `POST {envdUrl}/process.Process/Update`.
    pub async fn resize(&self, process: &Selector, size: PtySize, call: &CallOptions) -> Result<(), ClientError> {
        let body = json!({ "process": process, "pty": { "size": size } });
        let request = RuntimeRequest::post("/process.Process/Update").json(&body);
        self.unary::<Value>(request, call).await.map(drop)
    }

    /// Writes all of a process's input and closes it. One that does not want it is none the worse.
    pub(super) async fn give_input(&self, pid: u32, text: &str, call: &CallOptions) -> Result<(), ClientError> {
        let process = Selector::Pid(pid);
        let input = InputCall { process, bytes: text.as_bytes().to_vec(), to_terminal: false };
        let given = match self.feed_input(&input, call).await {
            Ok(()) => self.close_stdin(&input.process, call).await,
            Err(error) => Err(error),
        };
        match given {
            Err(ClientError::Api(error)) if matches!(error.status, 400 | 404) => Ok(()),
            other => other,
        }
    }
}
