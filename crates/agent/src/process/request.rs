//! What the calls take.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pty_process::Size;
use sandbar_protocol::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::Description;
use crate::problem::Problem;

/// The most columns, or rows, of a terminal.
const MAX_SIZE: u16 = 10_000;
const DEFAULT_SIZE: PtySize = PtySize { cols: 80, rows: 24 };
/// Not every client writes the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes as they stand in JSON.
pub(super) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// What is run. The caller's own variables are shown to whoever may list processes: all of them could read `/proc`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ProcessConfig {
    #[serde(default)]
    pub(super) cmd: String,
    #[serde(default)]
    args: Option<Vec<String>>,
    #[serde(default)]
    envs: Option<BTreeMap<String, Secret>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
}

impl ProcessConfig {
    pub(super) fn describe(&self) -> Description<'_> {
        Description {
            cmd: &self.cmd,
            args: self.args.as_deref().unwrap_or_default(),
            cwd: self.cwd.as_deref(),
            variables_field: "process.envs",
            variables: self.envs.as_ref(),
        }
    }

    /// With its lists, which clients of typed languages go through without a look.
    pub(super) fn with_lists(mut self) -> Self {
        self.args.get_or_insert_default();
        self.envs.get_or_insert_default();
        self
    }
}

/// Start
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartRequest {
    pub(super) process: ProcessConfig,
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(default)]
    timeout: Option<f64>,
    /// `Connect-Timeout-Ms`
    #[serde(skip)]
    pub(super) call_limit: Option<Duration>,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    pub(super) stdin: Option<bool>,
    #[serde(default)]
    pub(super) pty: Option<Pty>,
}

impl StartRequest {
    pub(super) fn time_limit(&self) -> Option<Duration> {
        let own = time_limit(self.timeout_ms, self.timeout);
        own.into_iter().chain(self.call_limit).min()
    }

    pub(super) fn tag(&self) -> Option<String> {
        self.tag.clone().filter(|tag| !tag.is_empty())
    }
}

/// A time limit in milliseconds or, as older clients send it, in seconds; 0 is none.
pub(crate) fn time_limit(timeout_ms: Option<u64>, timeout: Option<f64>) -> Option<Duration> {
    let older = || timeout.and_then(|secs| Duration::try_from_secs_f64(secs).ok());
    timeout_ms.map(Duration::from_millis).or_else(older).filter(|limit| !limit.is_zero())
}

/// A terminal.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Pty {
    #[serde(default)]
    pub(super) size: Option<PtySize>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct PtySize {
    cols: u32,
    rows: u32,
}

impl Pty {
    pub(super) fn size(self) -> Result<Size, Problem> {
        let PtySize { cols, rows } = self.size.unwrap_or(DEFAULT_SIZE);
        Ok(Size::new(side("rows", rows)?, side("cols", cols)?))
    }
}

fn side(name: &str, value: u32) -> Result<u16, Problem> {
    let value = u16::try_from(value).ok().filter(|value| (1..=MAX_SIZE).contains(value));
    value.ok_or_else(|| Problem::invalid(format!("`pty.size.{name}` must be from 1 to {MAX_SIZE}")))
}

/// Which process is meant: by its number, or by the tag that it was started with.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Selector {
    #[serde(default)]
    pid: Option<i64>,
    #[serde(default)]
    tag: Option<String>,
}

/// One of the two.
pub(super) enum Selected<'a> {
    Pid(i64),
    Tag(&'a str),
}

impl Selector {
    pub(super) fn selected(&self) -> Result<Selected<'_>, Problem> {
        match (self.pid, self.tag.as_deref().filter(|tag| !tag.is_empty())) {
            (Some(pid), None) => Ok(Selected::Pid(pid)),
            (None, Some(tag)) => Ok(Selected::Tag(tag)),
            (None, None) => Err(Problem::invalid("`process` names no process: pass its `pid` or its `tag`")),
            (Some(_), Some(_)) => Err(Problem::invalid("`process` has both `pid` and `tag`: pass one of them")),
        }
    }
}

/// Connect, CloseStdin
#[derive(Debug, Deserialize)]
pub(super) struct OneProcess {
    #[serde(default)]
    pub(super) process: Selector,
}

/// SendInput
#[derive(Debug, Deserialize)]
pub(super) struct SendInputRequest {
    #[serde(default)]
    pub(super) process: Selector,
    pub(super) input: ProcessInput,
    /// The caller wants to know how much went in, and sends the rest again.
    #[serde(default)]
    pub(super) partial: bool,
}

/// There is one input per process: either name is taken for it.
#[derive(Debug, Deserialize)]
pub(super) struct ProcessInput {
    #[serde(default)]
    stdin: Option<String>,
    #[serde(default)]
    pty: Option<String>,
}

impl ProcessInput {
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Problem> {
        let (name, text) = match (&self.stdin, &self.pty) {
            (Some(text), None) => ("stdin", text),
            (None, Some(text)) => ("pty", text),
            _ => return Err(Problem::invalid("`input` needs one of `stdin` and `pty`, in base64")),
        };
        BASE64.decode(text).map_err(|error| Problem::invalid(format!("`input.{name}` is not base64: {error}")))
    }
}

/// SendSignal
#[derive(Debug, Deserialize)]
pub(super) struct SendSignalRequest {
    #[serde(default)]
    pub(super) process: Selector,
    #[serde(default)]
    pub(super) signal: Value,
}

/// Update
#[derive(Debug, Deserialize)]
pub(super) struct UpdateRequest {
    #[serde(default)]
    pub(super) process: Selector,
    #[serde(default)]
    pub(super) pty: Option<Pty>,
}

/// GetResult
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetResultRequest {
    #[serde(default)]
    pub(super) cmd_id: String,
}

/// A frame of StreamInput; one without any of these is a sign of life.
#[derive(Debug, Deserialize)]
pub(super) struct StreamInputFrame {
    #[serde(default)]
    pub(super) start: Option<OneProcess>,
    #[serde(default)]
    pub(super) data: Option<StreamInputData>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamInputData {
    pub(super) input: ProcessInput,
}
