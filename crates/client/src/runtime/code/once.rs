use std::sync::Arc;

use serde_json::Value;

use super::Code;
use super::execution::{CodeCall, CodeEvent, Execution};
use super::language::{Language, Way};
use super::message::CodeError;
use crate::runtime::process::{Attach, CommandResult, OutputStream, ProcessConfig, StartRequest};
use crate::{CallOptions, ClientError};

/// What a missing interpreter is told by, as shells do.
const MISSING: i32 = 127;
/// Longer code is no argument: one has at most 128 KiB. In bytes.
const MOST_IN_ARGUMENT: usize = 100 * 1024;
/// Where longer code is read from, by an interpreter whose standard input is empty.
const SCRIPT: &str = "/dev/fd/3 3<&0 </dev/null";

impl Code {
    /// Runs code in a process of its own, which ends with it.
    pub(super) async fn run_once(
        &self,
        code: &CodeCall,
        call: &CallOptions,
        tell: &mut (dyn FnMut(CodeEvent) + Send),
    ) -> Result<Value, Arc<ClientError>> {
        let Some((request, input)) = start(code) else { return Err(Arc::new(self.no_interpreter(code.language))) };
        let process = self.runtime.follow_with_input(Attach::Start(request), input, call);
        let process = KillOnDrop(process);
        process.0.started().await?;
        let mut execution = Execution::default();
        let mut reader = process.0.reader();
        while let Some(piece) = reader.next().await {
            let text = String::from_utf8_lossy(&piece.bytes);
            match piece.stream {
                OutputStream::Stderr => tell(execution.stderr(&text)),
                _ => tell(execution.stdout(&text)),
            }
        }
        let result = process.0.wait().await?;
        if result.exit_code == MISSING && result.stdout.is_empty() && result.stderr.is_empty() {
            return Err(Arc::new(self.no_interpreter(code.language)));
        }
        // Each time is the first one.
        execution.count = 1;
        if let Some(error) = error_of(&result, &execution, code) {
            tell(execution.error(error));
        }
        Ok(execution.finish())
    }
}

/// Nobody waits any more for what was started.
struct KillOnDrop(crate::Process);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if !self.0.has_ended() && tokio::runtime::Handle::try_current().is_ok() {
            self.0.doom();
        }
    }
}

fn start(code: &CodeCall) -> Option<(StartRequest, Option<String>)> {
    let CodeCall { code, language, cwd, envs, timeout_ms, .. } = code;
    let Language { interpreter, way, .. } = language;
    let (args, script, input) = match way {
        Way::Context => return None,
        Way::Input(args) => (args.to_vec(), "", Some(code.clone())),
        Way::Argument { opening, .. } if code.len() > MOST_IN_ARGUMENT => {
            (Vec::new(), SCRIPT, Some(format!("{opening}{code}")))
        }
        Way::Argument { option, .. } => (vec![*option, code], "", None),
    };
    let begin =
        format!("command -v {interpreter} >/dev/null 2>&1 || exit {MISSING}; exec {interpreter} \"$@\" {script}");
    let words = ["-c", begin.trim_end(), interpreter].into_iter().chain(args).map(str::to_owned);
    let process =
        ProcessConfig { cmd: "sh".to_owned(), args: Some(words.collect()), envs: envs.clone(), cwd: cwd.clone() };
    let request = StartRequest { process, timeout_ms: *timeout_ms, stdin: input.is_some(), ..StartRequest::default() };
    Some((request, input))
}

fn error_of(result: &CommandResult, execution: &Execution, code: &CodeCall) -> Option<CodeError> {
    if result.exit_code == 0 {
        return None;
    }
    let stderr = execution.stderr_text();
    let error = match (&result.error, code.timeout_ms) {
        (Some(error), Some(limit)) if error.contains("timed out") => {
            CodeError::new("TimeoutError", format!("the code was killed after {limit} ms"))
        }
        // What it printed is not why.
        (Some(error), _) if error == "killed by SIGKILL" => {
            CodeError::new("ExitError", "killed by SIGKILL, as is done when the sandbox runs out of memory")
        }
        (Some(error), _) if error.starts_with("killed by") => CodeError::new("ExitError", error),
        _ => {
            let message = code.language.error_in(stderr).or_else(|| result.error.clone());
            let message = message.unwrap_or_else(|| format!("the code ended with exit code {}", result.exit_code));
            CodeError::new("ExitError", message)
        }
    };
    Some(CodeError { traceback: stderr.to_owned(), ..error })
}
