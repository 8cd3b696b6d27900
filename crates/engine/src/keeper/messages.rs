//! What engine and keeper say to each other: one JSON text a line.

use std::io;
use std::time::Duration;

use sandbar_protocol::{Diagnostic, MetricSnapshot};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::driver::{FoundRuntime, KnownSandbox, LimitsLevel, RuntimeNotice, RuntimeSpec, StartReport};

/// Both ends must speak the same: raised whenever a message changes. Every version understands `Hello` and `ShutDown`, and
/// their answers.
pub(super) const VERSION: u32 = 4;

/// The longest message, in both directions. Real ones stay far below it.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// What an engine asks for; the answer carries the same number.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) call: Call,
}

/// The driver's methods, and what belongs to the connection. `Outlive`, `GiveUp`, `Listen` and `Taken` have no answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    Hello,
    /// How long sandboxes go on without this engine.
    Outlive(Duration),
    Check,
    LimitsLevel,
    Recover(Vec<KnownSandbox>),
    Warm(RuntimeSpec),
    Start(RuntimeSpec),
    /// The engine gave this sandbox's start up: nothing may be left running of it.
    GiveUp(String),
    Stop(String),
    Destroy(String),
    Stats(String),
    /// Notices are taken from now on.
    Listen,
    /// So many more notices have arrived where they belong.
    Taken(usize),
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
    Found(Vec<FoundRuntime>),
    Stats(Box<MetricSnapshot>),
    Failed(Diagnostic),
}

/// Why a message that arrived can't be used; the next one can.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("a message has more than {MAX_MESSAGE_BYTES} bytes")]
    TooLong,
    #[error("a message is no JSON of this version: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// A message as a line. Fails if it is too long to be sent.
pub(super) fn encode(message: &impl Serialize) -> Result<Vec<u8>, Diagnostic> {
    let mut line = serde_json::to_vec(message).map_err(|error| too_long(format!("it is no JSON: {error}")))?;
    line.push(b'\n');
    if line.len() > MAX_MESSAGE_BYTES {
        return Err(too_long(format!("it has {} bytes, and {MAX_MESSAGE_BYTES} are allowed", line.len())));
    }
    Ok(line)
}

fn too_long(why: String) -> Diagnostic {
    Diagnostic::new("message_too_long", format!("the call was not sent to the process that holds the sandboxes: {why}"))
        .recommend("shorten the template's commands and the variables; put large data into a file")
}

/// Reads one message; `None` at the end of the stream. One that is too long is skipped, and takes no memory.
pub(super) async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncBufRead + Unpin),
) -> io::Result<Option<Result<T, Unreadable>>> {
    let mut line = Vec::new();
    let mut length = 0;
    loop {
        let buffer = stream.fill_buf().await?;
        if buffer.is_empty() {
            return if length == 0 { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(buffer.len(), |end| end + 1);
        length += count;
        if length <= MAX_MESSAGE_BYTES {
            line.extend(buffer.iter().take(count));
        } else {
            line = Vec::new();
        }
        stream.consume(count);
        if end.is_some() {
            let message = if length > MAX_MESSAGE_BYTES {
                Err(Unreadable::TooLong)
            } else {
                serde_json::from_slice(&line).map_err(Unreadable::from)
            };
            return Ok(Some(message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_too_long_is_refused_before_it_is_sent() {
        let call = |length| Request { number: 1, call: Call::Stop("x".repeat(length)) };
        assert!(encode(&call(1024)).is_ok());
        let refused = encode(&call(MAX_MESSAGE_BYTES)).unwrap_err();
        assert_eq!(refused.reason, "message_too_long");
        assert!(refused.message.contains("16777216 are allowed"), "{}", refused.message);
    }

    #[tokio::test]
    async fn the_reader_goes_on_after_a_message_that_it_cannot_use() {
        let long = format!("{{\"number\":1,\"call\":{{\"stop\":\"{}\"}}}}\n", "x".repeat(MAX_MESSAGE_BYTES));
        let text = format!("{long}{{\"number\":2,\"call\":\"dance\"}}\n{{\"number\":3,\"call\":\"hello\"}}\n");
        let mut stream = text.as_bytes();
        let mut next = async || read::<Request>(&mut stream).await.unwrap();
        assert!(matches!(next().await, Some(Err(Unreadable::TooLong))));
        assert!(matches!(next().await, Some(Err(Unreadable::Malformed(_)))));
        assert!(matches!(next().await, Some(Ok(Request { number: 3, call: Call::Hello }))));
        assert!(next().await.is_none());
    }

    #[tokio::test]
    async fn a_line_without_its_end_is_an_error() {
        assert!(read::<Request>(&mut &b"{\"number\":3"[..]).await.is_err());
    }
}
