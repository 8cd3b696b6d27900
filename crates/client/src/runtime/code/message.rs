use serde::Deserialize;
use serde_json::{Map, Value};

/// An answer of the driver.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) id: Option<String>,
    /// It takes requests from now on.
    pub(super) ready: bool,
    /// The code runs from now on.
    pub(super) begun: bool,
    /// The name of the Python process that it runs in.
    pub(super) process: Option<String>,
    /// Whether variables of earlier executions are lost.
    pub(super) restarted: bool,
    pub(super) stdout: Option<String>,
    pub(super) stderr: Option<String>,
    pub(super) result: Option<Map<String, Value>>,
    /// Its time is over: it was interrupted.
    pub(super) interrupted: bool,
    pub(super) error: Option<CodeError>,
    /// The last answer: the number of the execution.
    pub(super) done: Option<u64>,
    /// It never ran.
    pub(super) cancelled: bool,
    /// It did not heed the interrupt.
    pub(super) killed: bool,
    pub(super) crashed: Option<Crash>,
    /// Something was too much for an answer.
    pub(super) truncated: bool,
    /// An answer that can't be read, of a request that is not known.
    #[serde(skip)]
    pub(super) is_unreadable: bool,
}

/// How the Python process ended under its code.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Crash {
    /// As `exit status 1` or `signal: killed`.
    pub(super) status: String,
    /// Whether the system killed it because memory was short.
    pub(super) out_of_memory: bool,
}

/// What went wrong in code.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
pub(super) struct CodeError {
    pub(super) name: String,
    pub(super) message: String,
    pub(super) traceback: String,
    /// Whether the message or the traceback was cut.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) truncated: bool,
}

impl CodeError {
    pub(super) fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.to_owned(), message: message.into(), ..Self::default() }
    }
}

/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 128 * 1024 * 1024;

/// Cuts what the driver prints into its answers.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    /// How much of it has no end of line in it.
    searched: usize,
}

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.pending.len() + bytes.len() > LONGEST_LINE {
            self.pending.clear();
            self.searched = 0;
        }
        self.pending.extend_from_slice(bytes);
    }

    /// The next answer.
    pub(super) fn next(&mut self) -> Option<Message> {
        loop {
            let rest = self.pending.get(self.searched..)?;
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.pending.len();
                return None;
            };
            let line: Vec<u8> = self.pending.drain(..=self.searched + end).collect();
            self.searched = 0;
            if !line.trim_ascii().is_empty() {
                let unreadable = |_| Message { is_unreadable: true, ..Message::default() };
                return Some(serde_json::from_slice(&line).unwrap_or_else(unreadable));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_answers_and_an_unreadable_one_is_not_lost() {
        let mut lines = Lines::default();
        lines.push(b"st of a line\"}\n{\"id\":\"1\",\"stdo");
        assert!(lines.next().is_some_and(|message| message.is_unreadable));
        assert!(lines.next().is_none());
        lines.push(b"ut\":\"hi\"}\n\n{\"id\":\"1\",\"done\":2}\n");
        assert_eq!(lines.next().and_then(|message| message.stdout).as_deref(), Some("hi"));
        assert_eq!(lines.next().and_then(|message| message.done), Some(2));
        assert!(lines.next().is_none());
    }
}
