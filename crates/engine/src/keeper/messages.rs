//! What engine and keeper say to each other: one JSON text a line.

use std::io;

use sandbar_protocol::{Diagnostic, MetricSnapshot};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::driver::{KnownSandbox, LimitsLevel, RunningRuntime, RuntimeNotice, RuntimeSpec, StartReport};

/// Both ends must speak the same: raised whenever a message changes.
pub(super) const VERSION: u32 = 4;

/// The longest message is a start with all its variables.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;

/// What an engine asks for; the answer carries the same number.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) call: Call,
}

/// The driver's methods.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    Hello,
    Check,
    LimitsLevel,
    Recover(Vec<KnownSandbox>),
    Warm(RuntimeSpec),
    Start(RuntimeSpec),
    /// Nobody waits for the start of this sandbox any more.
    GiveUp(String),
    Stop(String),
    Destroy(String),
    Stats(String),
    ShutDown,
}

/// What a keeper says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    Answer { number: u64, answer: Answer },
    Notice(RuntimeNotice),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Hello { version: u32 },
    Done,
    LimitsLevel(LimitsLevel),
    Started(StartReport),
    Running(Vec<RunningRuntime>),
    Stats(Box<MetricSnapshot>),
    Failed(Diagnostic),
}

/// Reads one message; `None` at the end of the stream.
pub(super) async fn read<T: DeserializeOwned>(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    stream.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => serde_json::from_slice(&line).map(Some).map_err(io::Error::from),
        Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Writes one message.
pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).await
}
