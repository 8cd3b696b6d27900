use std::collections::BTreeMap;

use sandbar_protocol::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wire::{PtySize, Selector, encode};
use crate::runtime::Runtime;
use crate::runtime::call::RuntimeRequest;
use crate::{Answer, CallOptions, ClientError};

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

    /// Writes to a process. A request timeout that is given to the call counts for all of the input.
    ///
    /// # Errors
    /// As every call: 404 if there is none, 400 if it takes no input.
    ///
    /// Route: `POST {envdUrl}/process.Process/SendInput`.
    pub async fn send_input(&self, input: &InputCall, call: &CallOptions) -> Result<(), ClientError> {
        self.send_pieces(input, &call.as_a_whole()).await
    }

    async fn send_pieces(&self, input: &InputCall, call: &CallOptions) -> Result<(), ClientError> {
        let field = if input.to_terminal { "pty" } else { "stdin" };
        for piece in input.bytes.chunks(INPUT_PIECE) {
            let body = json!({ "process": input.process, "input": { field: encode(piece) } });
            let request = RuntimeRequest::post("/process.Process/SendInput").json(&body).not_twice();
            self.unary::<Value>(request, call).await?;
        }
        Ok(())
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
        let given = match self.send_pieces(&input, call).await {
            Ok(()) => self.close_stdin(&input.process, call).await,
            Err(error) => Err(error),
        };
        match given {
            Err(ClientError::Api(error)) if matches!(error.status, 400 | 404) => Ok(()),
            other => other,
        }
    }
}
