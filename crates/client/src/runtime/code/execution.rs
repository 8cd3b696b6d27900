use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use sandbar_protocol::Secret;
use serde_json::{Map, Value, json};

use super::language::Language;
use super::message::CodeError;

/// How much of each log is kept, in bytes: the newest.
const LOG_KEPT: usize = 4 * 1024 * 1024;
/// How much all results may come to, in bytes.
const RESULTS_KEPT: usize = 64 * 1024 * 1024;

/// Code that is to be run.
#[derive(Clone, Debug)]
pub struct CodeCall {
    pub(super) code: String,
    pub(super) language: Language,
    /// The context's ID; the default one's if none.
    pub(super) context: Option<String>,
    pub(super) cwd: Option<String>,
    pub(super) envs: Option<BTreeMap<String, Secret>>,
    pub(super) timeout_ms: Option<u64>,
}

/// What an execution tells while it goes on: `{"stdout" | "stderr": {"line", "error", "timestamp"}}`, `{"result": …}` or
/// `{"error": …}`.
pub type CodeEvent = Value;

/// What an execution has come to so far.
#[derive(Debug, Default)]
pub(super) struct Execution {
    results: Vec<Map<String, Value>>,
    result_bytes: usize,
    stdout: Log,
    stderr: Log,
    error: Option<CodeError>,
    /// Whether something was too much.
    pub(super) is_truncated: bool,
    pub(super) count: u64,
    context_id: Option<String>,
    /// Whether the variables of earlier executions were lost before this one.
    pub(super) was_restarted: bool,
}

impl Execution {
    pub(super) fn in_context(id: &str) -> Self {
        Self { context_id: Some(id.to_owned()), ..Self::default() }
    }

    pub(super) fn stdout(&mut self, text: &str) -> CodeEvent {
        self.stdout.push(text);
        json!({ "stdout": chunk(text, false) })
    }

    pub(super) fn stderr(&mut self, text: &str) -> CodeEvent {
        self.stderr.push(text);
        json!({ "stderr": chunk(text, true) })
    }

    pub(super) fn result(&mut self, result: Map<String, Value>) -> CodeEvent {
        let told = json!({ "result": result });
        self.is_truncated |= result.get("truncated") == Some(&Value::Bool(true));
        self.result_bytes += told.to_string().len();
        if self.result_bytes <= RESULTS_KEPT {
            self.results.push(result);
        } else {
            self.is_truncated = true;
        }
        told
    }

    pub(super) fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    pub(super) fn error(&mut self, error: CodeError) -> CodeEvent {
        let told = json!({ "error": error });
        self.is_truncated |= error.truncated;
        self.error = Some(error);
        told
    }

    pub(super) fn stderr_text(&self) -> &str {
        &self.stderr.text
    }

    /// As it is told at the end.
    pub(super) fn finish(mut self) -> Value {
        for log in [&mut self.stdout, &mut self.stderr] {
            log.cut();
        }
        let texts: Vec<_> = self.results.iter().filter_map(|result| result.get("text")?.as_str()).collect();
        let printed = || format!("{}{}", self.stdout.text, self.stderr.text);
        let text = if texts.is_empty() { printed() } else { texts.join("\n") };
        let mut told = json!({
            "results": self.results,
            "logs": { "stdout": self.stdout.lines(), "stderr": self.stderr.lines() },
            "executionCount": self.count,
            "text": text,
        });
        let truncated = self.is_truncated || self.stdout.was_cut || self.stderr.was_cut;
        let more = [
            ("error", json!(self.error)),
            ("contextId", json!(self.context_id)),
            ("contextRestarted", json!(self.was_restarted.then_some(true))),
            ("truncated", json!(truncated.then_some(true))),
        ];
        if let Some(told) = told.as_object_mut() {
            let known = more.into_iter().filter(|(_, value)| !value.is_null());
            told.extend(known.map(|(name, value)| (name.to_owned(), value)));
        }
        told
    }
}

fn chunk(text: &str, is_error: bool) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({ "line": text, "error": is_error, "timestamp": u64::try_from(now.as_micros()).unwrap_or_default() })
}

/// The newest of what was printed.
#[derive(Debug, Default)]
struct Log {
    text: String,
    was_cut: bool,
}

impl Log {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        // Not at every piece: moving what is kept costs.
        if self.text.len() > 2 * LOG_KEPT {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let Some(from) = self.text.len().checked_sub(LOG_KEPT).filter(|from| *from > 0) else { return };
        let from = (from..self.text.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(from);
        self.text.drain(..from);
        self.was_cut = true;
    }

    /// The lines, with their ends.
    fn lines(&self) -> Vec<&str> {
        self.text.split_inclusive('\n').collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_keeps_its_newest_lines_and_says_so() {
        let mut execution = Execution::default();
        for number in 0..20_000 {
            execution.stdout(&format!("{number:>1000}\n"));
        }
        let told = execution.finish();
        let lines = told["logs"]["stdout"].as_array().unwrap();
        assert!(lines.last().unwrap().as_str().unwrap().ends_with(" 19999\n"));
        assert!(lines.len() < LOG_KEPT / 1000, "{}", lines.len());
        assert_eq!(told["truncated"], true);
    }

    #[test]
    fn the_text_is_that_of_the_results_or_else_what_was_printed() {
        let mut execution = Execution::default();
        execution.stdout("a\n");
        execution.stderr("b");
        assert_eq!(execution.finish()["text"], "a\nb");
        let mut execution = Execution::default();
        execution.stdout("a\n");
        execution.result(json!({"text": "1"}).as_object().unwrap().clone());
        execution.result(json!({"text": "2"}).as_object().unwrap().clone());
        assert_eq!(execution.finish()["text"], "1\n2");
    }
}
