use std::io::{IsTerminal, Write};

use futures_util::StreamExt;
use futures_util::stream::iter;
use sandbar_client::CallOptions;
use serde_json::json;

use super::Session;
use super::ls::{Filter, Listed, list, table};
use crate::exit::CliError;
use crate::problem;

/// How many are deleted at the same time.
const CONCURRENCY: usize = 8;

/// Options of `sandbar rm`.
#[derive(clap::Args)]
#[command(
    group = clap::ArgGroup::new("which").args(["sandbox_ids", "metadata", "state", "all"]).multiple(true).required(true),
    after_help = "\
IDs are deleted without a question. Where a filter or --all says which, they are listed, and deleted after a yes on the
terminal; elsewhere nothing is deleted without --yes.

Examples:
  sandbar rm sb-1a2b3c sb-4d5e6f
  sandbar rm --metadata app=demo --dry-run
  sandbar rm --state failed --yes"
)]
pub(crate) struct Args {
    /// IDs of the sandboxes
    #[arg(value_name = "ID", conflicts_with_all = ["metadata", "state", "all"])]
    sandbox_ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// All sandboxes, of the project if one is named
    #[arg(long, conflicts_with_all = ["metadata", "state"])]
    all: bool,
    /// Only say what would be deleted
    #[arg(long)]
    dry_run: bool,
    /// Delete without a question
    #[arg(short, long)]
    yes: bool,
    /// Pass over IDs that are not there, or not any more
    #[arg(long)]
    ignore_missing: bool,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    if !args.sandbox_ids.is_empty() {
        return if args.dry_run { look(&args, session).await } else { named(args, session).await };
    }
    let asks = !args.yes && !args.dry_run;
    if asks && !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(CliError::Usage(
            "there is no terminal to ask on, and nothing was deleted: --yes deletes without a question, --dry-run \
             shows what would go"
                .to_owned(),
        ));
    }
    let listed = list(session, args.filter.query(), None).await?;
    if args.dry_run {
        return preview(&listed, session);
    }
    if asks && !listed.is_empty() {
        session.output.complain(&table(&listed).render(session.output));
        if !agreed(&format!("Delete {}?", counted(listed.len()))).await? {
            return Err(CliError::Failed("nothing was deleted".to_owned()));
        }
    }
    if listed.is_empty() {
        session.output.note("no sandbox matches");
    }
    // One that is gone by now is what was wanted.
    delete(listed.into_iter().map(|listed| listed.sandbox.sandbox_id).collect(), true, session).await
}

async fn named(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    delete(args.sandbox_ids, args.ignore_missing, session).await
}

/// What would be deleted of what was named.
async fn look(args: &Args, session: &Session<'_>) -> Result<u8, CliError> {
    let mut listed = Vec::new();
    for id in &args.sandbox_ids {
        match session.client.get(id, CallOptions::default()).await {
            Ok(answer) => listed.push(Listed::of(answer)),
            Err(error) if error.is_gone() && args.ignore_missing => {}
            Err(error) => return Err(error.into()),
        }
    }
    preview(&listed, session)
}

fn preview(listed: &[Listed], session: &Session<'_>) -> Result<u8, CliError> {
    let output = session.output;
    if output.json {
        let would = |listed: &Listed| json!({ "sandboxID": listed.sandbox.sandbox_id, "deleted": false });
        output.value(&listed.iter().map(would).collect::<Vec<_>>())?;
        return Ok(0);
    }
    if output.quiet {
        for listed in listed {
            output.line(&listed.sandbox.sandbox_id)?;
        }
    } else if !listed.is_empty() {
        output.line(&table(listed).render(output))?;
    }
    output.note(&format!("{} would be deleted; nothing was", counted(listed.len())));
    Ok(0)
}

/// Deletes them, and tells of each as it goes.
async fn delete(ids: Vec<String>, missing_is_fine: bool, session: &Session<'_>) -> Result<u8, CliError> {
    let output = session.output;
    let all = ids.len();
    let deletes = ids.into_iter().map(|id| async move {
        let outcome = session.client.delete(&id, CallOptions::default()).await;
        (id, outcome)
    });
    let mut outcomes = iter(deletes).buffered(CONCURRENCY);
    let mut report = Vec::new();
    let mut failures = Vec::new();
    while let Some((id, outcome)) = outcomes.next().await {
        let failure = match outcome {
            Ok(true) => None,
            Ok(false) if missing_is_fine => None,
            Ok(false) => Some(CliError::NotFound(format!("sandbox {id} does not exist, or is deleted already"))),
            Err(error) => Some(CliError::from(error)),
        };
        let error = failure.as_ref().map(problem::record);
        report.push(json!({ "sandboxID": id, "deleted": error.is_none() }));
        if let (Some(error), Some(map)) = (error, report.last_mut().and_then(|entry| entry.as_object_mut())) {
            map.insert("error".to_owned(), error);
        }
        match failure {
            None => output.note(&format!("{id} is deleted")),
            // One alone is told at the end, as of any command.
            Some(failure) => {
                if all > 1 && !output.json {
                    problem::tell(&failure, output);
                }
                failures.push(failure);
            }
        }
    }
    if output.json {
        output.value(&report)?;
    }
    let failed = failures.len();
    match failures.into_iter().next() {
        None => Ok(0),
        Some(failure) if all == 1 => Err(failure),
        Some(failure) => Err(CliError::Some { failed, all, code: failure.code() }),
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "1 sandbox".to_owned() } else { format!("{count} sandboxes") }
}

/// Asks on the terminal; only a yes is one.
async fn agreed(question: &str) -> Result<bool, CliError> {
    let asked = write!(std::io::stderr(), "{question} [y/N] ").and_then(|()| std::io::stderr().flush());
    asked.map_err(CliError::system("can't ask"))?;
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = read.await.map_err(|error| CliError::Failed(format!("can't read the answer: {error}")))?;
    let answer = answer.map_err(CliError::system("can't read the answer"))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
