use std::collections::HashSet;

use sandbar_client::{Answer, CallOptions};
use sandbar_protocol::{ListQuery, PublicState, Sandbox};
use serde_json::Value;

use super::Session;
use super::pairs::{line, pair};
use crate::exit::CliError;
use crate::span::{since, span, until};
use crate::state;
use crate::table::{Cell, Table};

/// Options of `sandbar ls`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  sandbar ls --metadata app=demo --state running\n  sandbar ls -q | xargs -r -n 1 sandbar pause\n  sandbar ls --json | jq -r '.[].sandboxID'"
)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// The most sandboxes to list [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// Which sandboxes.
#[derive(clap::Args)]
pub(super) struct Filter {
    /// Only sandboxes in this state; can be given several times [default: all but deleted]
    #[arg(long, value_name = "STATE", value_parser = clap::builder::PossibleValuesParser::new(PublicState::WORDS))]
    pub(super) state: Vec<String>,
    /// Only sandboxes with this metadata; of several, all must match
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(super) metadata: Vec<(String, String)>,
}

impl Filter {
    /// As the list takes it.
    pub(super) fn query(&self) -> ListQuery {
        ListQuery {
            metadata: self.metadata.iter().cloned().collect(),
            states: self.state.iter().map(|word| PublicState::from(word.as_str())).collect(),
            ..ListQuery::default()
        }
    }
}

/// A sandbox, and as it came.
pub(super) struct Listed {
    pub(super) sandbox: Sandbox,
    raw: Value,
}

impl Listed {
    /// One that was looked at.
    pub(super) fn of(answer: Answer<Sandbox>) -> Self {
        Self { raw: super::info::raw(&answer.text, false), sandbox: answer.value }
    }
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let output = session.output;
    let listed = list(session, args.filter.query(), args.limit).await?;
    if output.json {
        output.value(&listed.iter().map(|listed| &listed.raw).collect::<Vec<_>>())?;
    } else if output.quiet {
        for Listed { sandbox, .. } in &listed {
            output.line(&sandbox.sandbox_id)?;
        }
    } else if listed.is_empty() {
        output.note("no sandboxes: `sandbar create` makes one");
    } else {
        output.line(&table(&listed).render(output))?;
    }
    Ok(0)
}

/// The sandboxes of all pages, each once.
pub(super) async fn list(
    session: &Session<'_>,
    mut query: ListQuery,
    limit: Option<u64>,
) -> Result<Vec<Listed>, CliError> {
    let limit = limit.map_or(usize::MAX, |limit| limit.try_into().unwrap_or(usize::MAX));
    let mut listed: Vec<Listed> = Vec::new();
    let (mut known, mut tokens) = (HashSet::new(), HashSet::new());
    loop {
        let left = limit - listed.len();
        query.limit = (left < 100).then_some(left as u64);
        let page = session.client.list(&query, CallOptions::default()).await?;
        let raw: Vec<Value> = serde_json::from_str(&page.sandboxes.text).unwrap_or_default();
        for (sandbox, raw) in page.sandboxes.value.into_iter().zip(raw) {
            // Pages are counted by offset: one that moves while they are read may come twice.
            if listed.len() < limit && known.insert(sandbox.sandbox_id.clone()) {
                listed.push(Listed { sandbox, raw });
            }
        }
        // A token that was there before leads in a circle.
        if !page.has_next || listed.len() >= limit || !tokens.insert(page.next_token.clone()) {
            return Ok(listed);
        }
        query.next_token = page.next_token;
    }
}

/// Sandboxes for people.
pub(super) fn table(listed: &[Listed]) -> Table {
    let mut table = Table::new(&["ID", "TEMPLATE", "STATE", "AGE", "TTL", "METADATA"]);
    for Listed { sandbox, .. } in listed {
        table.row(vec![
            Cell::new(&sandbox.sandbox_id),
            Cell::or_nothing(sandbox.template_id.as_ref()),
            state::cell(sandbox.public_state()),
            Cell::or_nothing(sandbox.started_at.map(|time| span(since(time)))).right(),
            Cell::or_nothing(ttl(sandbox)).right(),
            Cell::or_nothing(sandbox.metadata.as_ref().filter(|map| !map.is_empty()).map(line)),
        ]);
    }
    table
}

/// What is left of the TTL; that of a paused sandbox stands still, and one that has ended has none.
fn ttl(sandbox: &Sandbox) -> Option<String> {
    let counts = matches!(sandbox.public_state(), Some(PublicState::Starting | PublicState::Running));
    sandbox.end_at.filter(|_| counts).map(|time| span(until(time)))
}
