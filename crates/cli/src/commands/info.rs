use console::Style;
use sandbar_client::CallOptions;
use sandbar_protocol::{Diagnostic, OnTimeout, PublicState, Sandbox};
use serde_json::Value;

use super::Session;
use super::pairs::line;
use crate::exit::CliError;
use crate::span::{moment, since, span, until};
use crate::state;
use crate::table::{NOTHING, fields};
use crate::terminal_text::plain;
use crate::timeline::{self, Stream};
use crate::wording::for_command_line;

/// Options of `sandbar info`.
#[derive(clap::Args)]
#[command(
    after_help = "A deleted sandbox is shown for 24 hours, with the reason of its end.\n\nExamples:\n  sandbar info sb-1a2b3c\n  sandbar info sb-1a2b3c --json | jq -r .state"
)]
pub(crate) struct Args {
    /// The sandbox's ID
    #[arg(value_name = "ID")]
    sandbox_id: String,
    /// With --json, print the access token of the sandbox's own API as well
    #[arg(long, requires = "json")]
    show_token: bool,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let answer = session.client.get(&args.sandbox_id, CallOptions::default()).await?;
    if session.output.json {
        session.output.value(&raw(&answer.text, args.show_token))?;
    } else {
        session.output.line(&text(&answer.value))?;
    }
    Ok(0)
}

/// A sandbox as it came. The access token opens it to anybody who reads this: it is there only if it was asked for.
pub(super) fn raw(text: &str, with_token: bool) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap_or_default();
    if let (false, Some(map)) = (with_token, value.as_object_mut()) {
        map.shift_remove("envdAccessToken");
    }
    value
}

fn text(sandbox: &Sandbox) -> String {
    let mut text = fields(&facts(sandbox));
    if let Some(Diagnostic { reason, message, recommendation }) = &sandbox.diagnostic {
        let words = |text: &str| plain(&for_command_line(text, Some(&sandbox.sandbox_id)));
        text.push_str(&format!("\n\n{}\n", Style::new().bold().apply_to("Diagnostic")));
        let mut lines = vec![("reason", words(reason)), ("message", words(message))];
        lines.extend(recommendation.as_ref().map(|advice| ("try", words(advice))));
        text.push_str(&fields(&lines));
    }
    if !sandbox.timeline.is_empty() {
        text.push_str(&format!("\n\n{}\n", Style::new().bold().apply_to("Timeline")));
        let lines = timeline::lines(&sandbox.timeline, Stream::Stdout).into_iter().zip(&sandbox.timeline).map(
            |(line, event)| {
                let time = event
                    .timestamp
                    .map_or_else(|| NOTHING.to_owned(), |time| time.strftime("%H:%M:%S%.3f").to_string());
                format!("{}  {line}", Style::new().dim().apply_to(time))
            },
        );
        text.push_str(&lines.collect::<Vec<_>>().join("\n"));
    }
    text
}

fn facts(sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    let mut facts = vec![("id", plain(&sandbox.sandbox_id))];
    if let Some(template) = &sandbox.template_id {
        facts.push(("template", plain(template)));
    }
    if let Some(state) = sandbox.public_state() {
        facts.push(("state", state::style(state).apply_to(plain(state.as_str())).to_string()));
    }
    if let Some(time) = sandbox.started_at {
        facts.push(("created", format!("{} ({} ago)", moment(time), span(since(time)))));
    }
    facts.extend(end(sandbox).map(|end| ("ends", end)));
    facts.extend(sizes(sandbox).map(|sizes| ("sizes", sizes)));
    if let Some(level) = sandbox.limits.as_ref().and_then(|limits| limits.level.as_ref()) {
        facts.push(("limited by", plain(level)));
    }
    if let Some(metadata) = sandbox.metadata.as_ref().filter(|map| !map.is_empty()) {
        facts.push(("metadata", plain(&line(metadata))));
    }
    if let Some(url) = sandbox.envd.as_ref().and_then(|envd| envd.envd_url.as_ref()) {
        facts.push(("url", plain(url)));
    }
    facts
}

/// When and how it ends.
fn end(sandbox: &Sandbox) -> Option<String> {
    let end_at = sandbox.end_at?;
    let pauses = sandbox.lifecycle.is_some_and(|lifecycle| lifecycle.on_timeout == OnTimeout::Pause);
    let then = if pauses { "is paused then" } else { "is deleted then" };
    match sandbox.public_state()? {
        PublicState::Paused => Some("never while it is paused".to_owned()),
        PublicState::Starting | PublicState::Running => {
            Some(format!("{} (in {}; it {then})", moment(end_at), span(until(end_at))))
        }
        _ => None,
    }
}

fn sizes(sandbox: &Sandbox) -> Option<String> {
    let cpus = sandbox.cpu_count.map(|count| format!("{count} CPU{}", if count == 1 { "" } else { "s" }));
    let memory = sandbox.memory_mb.map(|size| format!("{size} MiB memory"));
    let disk = sandbox.disk_size_mb.map(|size| format!("{size} MiB disk"));
    let sizes = [cpus, memory, disk].into_iter().flatten().collect::<Vec<_>>();
    (!sizes.is_empty()).then(|| sizes.join(", "))
}
