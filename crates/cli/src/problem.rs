//! How an error is told: what happened, why, what to do, and the request's ID.

use console::Style;
use sandbar_client::{ClientError, ErrorRecord};
use sandbar_protocol::Diagnostic;
use serde_json::{Value, json};

use crate::exit::CliError;
use crate::output::Output;
use crate::terminal_text::{escaped_json, plain};
use crate::timeline::{self, Stream};
use crate::wording::for_command_line;

const NO_SERVER: [&str; 2] = [
    "  start one here:   sandbar serve    (commands find it by themselves)",
    "  or name another:  export SEACLOUD_BASE_URL=https://… SEACLOUD_API_KEY=…",
];

const ENGINE: &str =
    "  `sandbar doctor`, with the same --listen and --data-dir, looks for the cause and says how to mend it";

/// Tells an error on standard error: to a person in lines, with `--json` as one JSON value.
pub(crate) fn tell(error: &CliError, output: &Output) {
    // Whoever pressed Ctrl-C knows it.
    let is_known = matches!(error, CliError::OutputClosed | CliError::Interrupted("", _));
    if is_known {
        return;
    }
    if output.json {
        output.complain(&escaped_json(&json!({ "error": record(error) }).to_string()));
    } else {
        output.complain(&lines(error));
    }
}

/// The error for programs: the SDK's record where a call failed, and always `message` and `exitCode`.
pub(crate) fn record(error: &CliError) -> Value {
    let mut record = match error {
        CliError::Call(error) => serde_json::to_value(ErrorRecord::from(&**error)).unwrap_or_default(),
        _ => json!({}),
    };
    if let Some(map) = record.as_object_mut() {
        map.insert("message".to_owned(), message(error).into());
        map.insert("exitCode".to_owned(), error.code().into());
    }
    record
}

/// What happened, on one line, in the words of the command line.
pub(crate) fn message(error: &CliError) -> String {
    match error {
        CliError::Call(call) => plain(&for_command_line(&call.to_string(), call.sandbox_id())),
        _ => error.to_string(),
    }
}

fn lines(error: &CliError) -> String {
    let red = Style::new().for_stderr().red().bold();
    let mut lines = vec![format!("{} {}", red.apply_to("error:"), message(error))];
    match error {
        CliError::NoServer => lines.extend(NO_SERVER.map(str::to_owned)),
        CliError::Call(call) => lines.extend(particulars(call)),
        CliError::Engine(_) | CliError::DataDir(_) => lines.push(ENGINE.to_owned()),
        _ => {}
    }
    lines.join("\n")
}

/// What stands below a call's error.
fn particulars(error: &ClientError) -> Vec<String> {
    let record = ErrorRecord::from(error);
    let told = error.to_string();
    let mut lines = Vec::new();
    if let Some(timeline) = record.timeline.filter(|timeline| !timeline.is_empty()) {
        lines.extend(timeline::lines(&timeline, Stream::Stderr).into_iter().map(|line| format!("  {line}")));
    }
    let mut field = |name: &str, value: &str| {
        let name = Style::new().for_stderr().dim().apply_to(format!("{name}:"));
        lines.push(format!("  {name} {}", plain(&for_command_line(value, record.sandbox_id.as_deref()))));
    };
    if let Some(Diagnostic { reason, message, recommendation }) = &record.diagnostic {
        field("reason", reason);
        // The error's own sentence has mostly said it.
        for (name, text) in [("because", Some(message)), ("try", recommendation.as_ref())] {
            if let Some(text) = text.filter(|text| !text.is_empty() && !told.contains(text.as_str())) {
                field(name, text);
            }
        }
    }
    if let Some(id) = &record.request_id {
        field("request", id);
    }
    lines
}
