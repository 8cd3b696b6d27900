use std::collections::VecDeque;

use console::Style;
use sandbar_client::{Answer, CallOptions, ClientError};
use sandbar_protocol::{LogEntry, LogLevel, LogsQuery, MAX_LOG_LIMIT, SandboxLogs};
use serde_json::Value;

use super::Session;
use crate::exit::CliError;
use crate::output::Output;
use crate::terminal_text::plain_lines;

/// Options of `sandbar logs`.
#[derive(clap::Args)]
#[command(after_help = "\
A log has what the server did with the sandbox, and what its processes print. With -q there are only the messages.

Examples:
  sandbar logs sb-1a2b3c --tail 20
  sandbar logs sb-1a2b3c -f --level error
  sandbar logs sb-1a2b3c --json | jq -r .message")]
pub(crate) struct Args {
    /// The sandbox's ID
    #[arg(value_name = "ID")]
    sandbox_id: String,
    /// Go on with new lines until the sandbox is gone, or Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only lines of this level
    #[arg(long, value_name = "LEVEL", value_parser = ["debug", "info", "warn", "error"])]
    level: Option<String>,
    /// Only lines with this text in them, at most 256 characters; case counts
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Begin with the last lines, this many [default: all that are kept]
    #[arg(long, value_name = "N")]
    tail: Option<usize>,
}

/// A line, and as it came.
type Line = (LogEntry, Value);

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let (client, output) = (&session.client, session.output);
    let filters = [("level", &args.level), ("search", &args.search)];
    let given = filters.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())));
    let mut query = LogsQuery::from_json(&Value::Object(given.collect())).map_err(ClientError::from)?;
    query.limit = Some(MAX_LOG_LIMIT);
    let mut kept: VecDeque<Line> = VecDeque::new();
    let mut any = false;
    loop {
        let window = client.logs(&args.sandbox_id, &query, CallOptions::default()).await?;
        let next = window.value.next_cursor;
        let more = window.value.has_more == Some(true) && next.is_some() && next != query.cursor;
        let why_empty = window.value.diagnostic.as_ref().map(|diagnostic| diagnostic.message.clone());
        query.cursor = next.or(query.cursor);
        for line in lines(window) {
            any = true;
            match args.tail {
                None => print(&line, output)?,
                Some(tail) => {
                    kept.push_back(line);
                    if kept.len() > tail {
                        kept.pop_front();
                    }
                }
            }
        }
        if !more {
            if let (false, false, Some(why)) = (any, args.follow, why_empty) {
                output.note(&why);
            }
            break;
        }
    }
    for line in &kept {
        print(line, output)?;
    }
    if args.follow { follow(&args.sandbox_id, query, session).await } else { Ok(0) }
}

async fn follow(sandbox_id: &str, query: LogsQuery, session: &Session<'_>) -> Result<u8, CliError> {
    let mut follower = session.client.follow_logs(sandbox_id, query, CallOptions::default());
    while let Some(window) = follower.next().await? {
        for line in lines(window) {
            print(&line, session.output)?;
        }
    }
    session.output.note(&format!("{sandbox_id} is gone: its log ends here"));
    Ok(0)
}

fn lines(Answer { value: SandboxLogs { logs, .. }, text, .. }: Answer<SandboxLogs>) -> impl Iterator<Item = Line> {
    let mut raw: Value = serde_json::from_str(&text).unwrap_or_default();
    let raw = raw.get_mut("logs").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    logs.into_iter().zip(raw)
}

fn print((entry, raw): &Line, output: &Output) -> Result<(), CliError> {
    if output.json {
        return output.value_line(raw);
    }
    // What goes to a file stays as it was printed.
    let message = if output.to_terminal { plain_lines(&entry.message) } else { entry.message.clone() };
    if output.quiet {
        return output.line(&message);
    }
    let format = if output.to_terminal { "%H:%M:%S%.3f" } else { "%Y-%m-%dT%H:%M:%S%.3fZ" };
    let time = entry.timestamp.map(|time| time.strftime(format).to_string()).unwrap_or_default();
    let (level, style) = level(entry.level);
    output.line(&format!("{} {} {message}", Style::new().dim().apply_to(time), style.apply_to(level)))
}

fn level(level: Option<LogLevel>) -> (&'static str, Style) {
    match level {
        Some(LogLevel::Debug) => ("debug", Style::new().dim()),
        Some(LogLevel::Warn) => ("warn ", Style::new().yellow()),
        Some(LogLevel::Error) => ("error", Style::new().red()),
        Some(LogLevel::Info) | None => ("info ", Style::new().green()),
    }
}
