//! What listens in a sandbox.

use std::time::Duration;

use sandbar_protocol::{Fields, ValidationError, bare_kind, kind_of};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::sleep;

use super::Runtime;
use super::call::RuntimeRequest;
use super::program::{ProgramCall, path_within};
use crate::answer::RawAnswer;
use crate::error::PortClosed;
use crate::pauses::Pauses;
use crate::{Args, CallOptions, ClientError};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
const DEFAULT_WAIT_MS: u64 = 30_000;
const MAX_WAIT_MS: u64 = 86_400_000;

/// A port that something in a sandbox listens on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PortInfo {
    /// The port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The address, as `127.0.0.1` or `0.0.0.0`.
    pub address: String,
    /// The process, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its name.
    #[serde(rename(serialize = "processName", deserialize = "process_name"), skip_serializing_if = "Option::is_none")]
    pub process_name: Option<String>,
}

/// The arguments of waiting for a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortWait {
    /// The port.
    pub port: u16,
    /// How long.
    pub limit: Duration,
    /// A path that is to be answered, with a status below 500.
    pub path: Option<String>,
}

impl Runtime {
    /// What listens in the sandbox.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `GET {envdUrl}/ports`.
    pub async fn ports(&self, call: &CallOptions) -> Result<Vec<PortInfo>, ClientError> {
        Ok(self.send(RuntimeRequest::get("/ports"), call, RawAnswer::array::<PortInfo>).await?.value)
    }

    /// Waits until something listens on a port, and answers if a path is given.
    ///
    /// # Errors
    /// As every call; [`ClientError::PortClosed`] when the time is up.
    ///
    /// Routes: `GET {envdUrl}/ports`, or `GET {envdUrl}/proxy/{port}/{path}`, repeated.
    pub async fn wait_for_port(&self, wait: &PortWait, call: &CallOptions) -> Result<(), ClientError> {
        let in_all = call.within(wait.limit);
        let mut pauses = Pauses::growing(FIRST_PAUSE, LONGEST_PAUSE);
        let (mut listening, mut last) = (Vec::new(), None);
        loop {
            match self.ports(&in_all).await {
                Ok(open) => listening = open.into_iter().filter(is_tcp).map(|open| open.port).collect(),
                Err(error) if in_all.left(wait.limit).is_zero() => last = Some(error.to_string()),
                Err(error) => return Err(error),
            }
            let left = in_all.left(wait.limit);
            match &wait.path {
                _ if !listening.contains(&wait.port) => (),
                None => return Ok(()),
                Some(path) => match self.answers(wait.port, path, left, call).await? {
                    Ok(()) => return Ok(()),
                    Err(why) => last = Some(why),
                },
            }
            let left = in_all.left(wait.limit);
            if left.is_zero() {
                let PortWait { port, limit, path } = wait.clone();
                let sandbox_id = self.sandbox_id.to_string();
                let closed = PortClosed { sandbox_id, port, path, limit, listening, last };
                return Err(ClientError::PortClosed(Box::new(closed)));
            }
            sleep(pauses.next().min(left)).await;
        }
    }

    /// Whether a program answers; what came instead if not.
    async fn answers(
        &self,
        port: u16,
        path: &str,
        within: Duration,
        call: &CallOptions,
    ) -> Result<Result<(), String>, ClientError> {
        let program = ProgramCall::get(port, path)?;
        // At least as long as an answer takes that is on its way.
        let within = within.max(FIRST_PAUSE);
        let call = CallOptions { request_timeout: Some(within), max_retries: Some(0), ..call.clone() };
        match self.program(program, &call).await {
            Ok(answer) if answer.status < 500 => Ok(Ok(())),
            Ok(answer) => Ok(Err(format!("status {}", answer.status))),
            Err(error @ ClientError::NotRunning(_)) => Err(error),
            Err(error) => Ok(Err(error.to_string())),
        }
    }
}

fn is_tcp(open: &PortInfo) -> bool {
    open.protocol.is_empty() || open.protocol.starts_with("tcp")
}

impl Args {
    /// The argument `port`.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn port(&self) -> Result<u16, ValidationError> {
        check_port(self.get("port"))
    }

    /// Arguments of wait_for_port: `port`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn wait_for_port(&self) -> Result<(PortWait, CallOptions), ValidationError> {
        let port = self.port()?;
        let (options, call) = self.options()?;
        let fields = Fields::of("port options", &options, &["timeoutMs", "path"])?;
        let limit = fields.integer("timeoutMs", 1, MAX_WAIT_MS, "milliseconds")?.unwrap_or(DEFAULT_WAIT_MS);
        let path = fields.text("path")?.map(path_within).transpose()?;
        Ok((PortWait { port, limit: Duration::from_millis(limit), path }, call))
    }
}

/// A port number.
pub(super) fn check_port(value: Option<&Value>) -> Result<u16, ValidationError> {
    let refuse = |got: String| {
        ValidationError::new("port", format!("`port` must be a whole number between 1 and 65535, got {got}"))
    };
    match value {
        Some(value @ Value::Number(number)) => {
            let whole =
                number.as_u64().or_else(|| number.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u64));
            match whole.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0) {
                Some(port) => Ok(port),
                None => Err(refuse(kind_of(value))),
            }
        }
        Some(other) => Err(refuse(bare_kind(other).to_owned())),
        None => Err(refuse("undefined".to_owned())),
    }
}
