//! The messages of `process.Process`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbar_protocol::Secret;
use serde::{Deserialize, Serialize};

/// What is run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProcessConfig {
    /// A shell command line; with `args`, the program to execute directly.
    pub cmd: String,
    /// Arguments of the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Variables on top of the sandbox's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envs: Option<BTreeMap<String, Secret>>,
    /// Working directory; default the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// Body of `Start`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartRequest {
    /// What is run.
    pub process: ProcessConfig,
    /// How long it may run, in milliseconds; then it is killed with all that it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// A name to find it by; no other process that runs may have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether it has a standard input that can be written to.
    pub stdin: bool,
    /// The terminal that it gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pty: Option<Pty>,
}

/// A terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pty {
    /// Its size.
    pub size: PtySize,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PtySize {
    /// The width.
    pub cols: u16,
    /// The height.
    pub rows: u16,
}

impl Default for PtySize {
    fn default() -> Self {
        Self { cols: 80, rows: 24 }
    }
}

/// Which process is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Selector {
    /// The one with this process ID.
    Pid(u32),
    /// The one that was started with this tag.
    Tag(String),
}

/// A message of `Start` and `Connect`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) event: Event,
}

/// What a message tells. One that tells nothing is a sign of life.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Event {
    pub(super) start: Option<Started>,
    pub(super) data: Option<Data>,
    pub(super) end: Option<End>,
}

/// A process that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// Its process ID inside the sandbox.
    pub pid: u32,
    /// What its result can be asked for by, for a while after its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Data {
    stdout: Option<String>,
    stderr: Option<String>,
    pty: Option<String>,
}

/// How a process ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct End {
    #[serde(default)]
    pub(super) exited: Option<bool>,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) exit_code: Option<i32>,
    #[serde(default)]
    pub(super) truncated: bool,
}

/// Answer of `GetResult`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResultAnswer {
    #[serde(default)]
    pub(super) exit_code: i32,
    #[serde(default)]
    pub(super) stdout: String,
    #[serde(default)]
    pub(super) stderr: String,
    #[serde(default)]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) truncated: bool,
}

/// Where a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
    /// Its terminal.
    Pty,
}

impl Data {
    /// The bytes that it carries; `None` for what is no base64.
    pub(super) fn pieces(&self) -> Option<Vec<(OutputStream, Vec<u8>)>> {
        let Self { stdout, stderr, pty } = self;
        let of = [(OutputStream::Stdout, stdout), (OutputStream::Stderr, stderr), (OutputStream::Pty, pty)];
        let texts = of.into_iter().filter_map(|(stream, text)| Some((stream, text.as_deref()?)));
        texts.map(|(stream, text)| Some((stream, decode(text)?))).collect()
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
