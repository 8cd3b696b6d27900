use console::Style;
use sandbar_client::CallOptions;
use sandbar_protocol::{ObservabilitySummary, SandboxUsageLimits, UsageScope};
use serde_json::{Value, json};

use super::Session;
use crate::exit::CliError;
use crate::span::{span, until};
use crate::table::{Cell, Table, fields};
use crate::terminal_text::plain;

/// Options of `sandbar status`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  sandbar status\n  sandbar status --json | jq -r .summary.status")]
pub(crate) struct Args {}

pub(super) async fn run(Args {}: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let summary = session.client.observability_summary(CallOptions::default()).await?;
    let limits = session.client.usage_limits(CallOptions::default()).await?;
    if session.output.json {
        let raw = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        session.output.value(&json!({ "summary": raw(&summary.text), "limits": raw(&limits.text) }))?;
        return Ok(0);
    }
    let mut parts = vec![parts_of_service(&summary.value)];
    let table = usage(&limits.value);
    if !table.is_empty() {
        parts.push(table.render(session.output));
    }
    parts.extend(advice(&summary.value));
    session.output.line(&parts.join("\n\n"))?;
    Ok(0)
}

/// Whether the service is well, and which parts of it answer.
fn parts_of_service(summary: &ObservabilitySummary) -> String {
    let word = |word: &str, good: &str| {
        let style = if word == good { Style::new().green() } else { Style::new().red() };
        style.apply_to(plain(word)).to_string()
    };
    let mut lines = vec![("service", word(&summary.status, "ok"))];
    for (name, part) in summary.availability.iter().flatten() {
        let why = part.message.as_deref().map(|why| format!(" ({})", plain(why))).unwrap_or_default();
        lines.push((name.as_str(), format!("{}{why}", word(&part.status, "available"))));
    }
    fields(&lines)
}

fn usage(limits: &SandboxUsageLimits) -> Table {
    let mut table = Table::new(&["LIMIT", "OF", "USED", "MOST", "LEFT", "STARTS ANEW"]);
    let scopes: [(&str, &Option<UsageScope>); 2] = [("user", &limits.user), ("project", &limits.project)];
    for (name, scope) in scopes {
        for (metric, limit) in scope.iter().flat_map(|scope| scope.limits.iter().flatten()) {
            let share = if limit.limit > 0.0 { limit.used / limit.limit } else { 0.0 };
            let style = match share {
                share if share >= 1.0 => Style::new().red(),
                share if share >= 0.8 => Style::new().yellow(),
                _ => Style::new(),
            };
            table.row(vec![
                Cell::new(metric),
                Cell::new(name),
                Cell::new(limit.used.to_string()).right().styled(style),
                Cell::new(limit.limit.to_string()).right(),
                Cell::new(limit.remaining.to_string()).right(),
                Cell::or_nothing(limit.reset_at.map(|time| format!("in {}", span(until(time))))),
            ]);
        }
    }
    table
}

/// What is near or used up, and what to do.
fn advice(summary: &ObservabilitySummary) -> Option<String> {
    let mut lines = Vec::new();
    for check in &summary.checks {
        let style = if check.status == "exhausted" { Style::new().red() } else { Style::new().yellow() };
        lines.push(format!("{} {}", style.apply_to("!"), plain(&check.message)));
    }
    let known = |message: &str| summary.checks.iter().any(|check| check.message == message);
    for action in summary.actions.iter().filter(|action| !known(&action.message)) {
        lines.push(format!("{} {}", Style::new().cyan().apply_to("→"), plain(&action.message)));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}
