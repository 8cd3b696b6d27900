use serde::Deserialize;
use serde_json::{Map, Value};

/// An answer of the driver.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) id: Option<String>,
    /// It takes requests from now on.
    #[serde(default)]
    pub(super) ready: bool,
    #[serde(default)]
    pub(super) stdout: Option<String>,
    #[serde(default)]
    pub(super) stderr: Option<String>,
    #[serde(default)]
    pub(super) result: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) error: Option<CodeError>,
    #[serde(default)]
    pub(super) done: Option<u64>,
}

/// What went wrong in code.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
pub(super) struct CodeError {
    pub(super) name: String,
    pub(super) message: String,
    pub(super) traceback: String,
}

impl CodeError {
    pub(super) fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.to_owned(), message: message.into(), traceback: String::new() }
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

    /// The next answer. A line that is none, as the rest of one whose beginning was missed, is passed over.
    pub(super) fn next(&mut self) -> Option<Message> {
        loop {
            let rest = self.pending.get(self.searched..)?;
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.pending.len();
                return None;
            };
            let line: Vec<u8> = self.pending.drain(..=self.searched + end).collect();
            self.searched = 0;
            if let Ok(message) = serde_json::from_slice(&line) {
                return Some(message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_cut_out_of_what_comes_and_rubbish_is_passed_over() {
        let mut lines = Lines::default();
        lines.push(b"st of a line\"}\n{\"id\":\"1\",\"stdo");
        assert!(lines.next().is_none());
        lines.push(b"ut\":\"hi\"}\n\n{\"id\":\"1\",\"done\":2}\n");
        assert_eq!(lines.next().and_then(|message| message.stdout).as_deref(), Some("hi"));
        assert_eq!(lines.next().and_then(|message| message.done), Some(2));
        assert!(lines.next().is_none());
    }
}
