use std::collections::BTreeMap;
use std::time::Duration;

use sandbar_client::{Answer, CallOptions, CreateMany, Created, OnFailure};
use sandbar_protocol::{CreateOptions, Sandbox};
use serde_json::{Map, Value, json};

use super::pairs::pair;
use super::variables::Variables;
use super::{Session, info};
use crate::exit::CliError;
use crate::problem;
use crate::progress;
use crate::span::{span, until};

/// Options of `sandbar create`.
#[derive(clap::Args)]
#[command(after_help = "\
The ID alone goes to standard output; what happens meanwhile is shown on standard error, if that is a terminal.
Ctrl-C while it starts deletes it again, unless an earlier create under --idempotency-key made it.

Examples:
  sandbar create
  sandbar create code-interpreter --timeout 3600 --metadata app=demo
  sandbar create --env GREETING=hello --env HOME_TOKEN --env-file .env
  id=$(sandbar create) && sandbar info \"$id\"")]
pub(crate) struct Args {
    /// What it is made from; `sandbar templates` lists them
    #[arg(default_value = sandbar_protocol::DEFAULT_TEMPLATE)]
    template: String,
    /// How long it lives, in seconds, 1 to 86400 [default: 300]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// When its time is up, pause it instead of deleting it
    #[arg(long)]
    auto_pause: bool,
    #[command(flatten)]
    variables: Variables,
    /// A word about it, to find it by; can be given several times
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// Create this many equal ones, 1 to 1000
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    count: u64,
    /// Return once it is accepted, before it can be used
    #[arg(long)]
    no_wait: bool,
    /// How long to wait until it can be used, in seconds [default: 120]
    #[arg(long, value_name = "SECONDS", conflicts_with = "no_wait",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    ready_timeout: Option<u64>,
    /// Leave it as it is if it does not start, so that its log can be read
    #[arg(long)]
    keep_on_failure: bool,
    /// Key under which a repeat of this create gives the same sandbox [default: a new one]
    #[arg(long, value_name = "KEY", conflicts_with = "count")]
    idempotency_key: Option<String>,
    /// With --json, print the access token of the sandbox's own API as well
    #[arg(long, requires = "json")]
    show_token: bool,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let options = args.options()?;
    let call = CallOptions {
        ready_timeout: args.ready_timeout.map(Duration::from_secs),
        on_failure: if args.keep_on_failure { OnFailure::Keep } else { OnFailure::Delete },
        idempotency_key: args.idempotency_key.clone(),
        ..CallOptions::default()
    };
    if args.count > 1 {
        return many(&args, options, call, session).await;
    }
    let (client, output) = (&session.client, session.output);
    let what = format!("a sandbox of {}", options.template_id);
    // Before an onlooker the server does not hold the answer: the ID is known at once, and Ctrl-C has what to delete.
    let create = async |onlooker| client.create_seen(&options, &onlooker, call).await;
    let answer = progress::of_sandbox(output, &what, create).await?;
    if output.json {
        output.value(&info::raw(&answer.text, args.show_token))?;
    } else {
        remark(&answer, session);
        output.line(&answer.value.sandbox_id)?;
    }
    Ok(0)
}

/// What a person wants to know beside the ID.
fn remark(Answer { value: sandbox, replayed, .. }: &Answer<Sandbox>, session: &Session<'_>) {
    let Sandbox { sandbox_id, end_at, .. } = sandbox;
    if session.output.to_terminal {
        let state = sandbox.public_state().map_or("accepted", |state| state.as_str());
        let left = end_at.map(|time| format!(", ends in {}", span(until(time)))).unwrap_or_default();
        let before = if *replayed { ", made before under this key" } else { "" };
        session.output.note(&format!("{state}{before}{left}; `sandbar connect {sandbox_id}` opens a shell in it"));
    }
}

async fn many(args: &Args, options: CreateOptions, call: CallOptions, session: &Session<'_>) -> Result<u8, CliError> {
    let output = session.output;
    let count = usize::try_from(args.count).unwrap_or(usize::MAX);
    let many = CreateMany { count, options, concurrency: 8, on_failure: call.on_failure };
    let spinner = output.shows_progress().then(|| progress::spinner("creating"));
    let shown = spinner.clone();
    let told = move |Created { created, .. }| {
        if let Some(spinner) = &shown {
            spinner.set_message(format!("{created} of {count} created"));
        }
    };
    let report = session.client.create_many(&many, call, told).await?;
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    // Those that were deleted again are of no use to anybody.
    let left = if report.cleanup.is_some() { &[] } else { report.created.as_slice() };
    if output.json {
        output.value(&left.iter().map(|answer| info::raw(&answer.text, args.show_token)).collect::<Vec<_>>())?;
    } else {
        for answer in left {
            output.line(&answer.value.sandbox_id)?;
        }
    }
    let failed = report.errors.len();
    if failed == 0 {
        return Ok(0);
    }
    if report.cleanup.as_ref().is_some_and(|cleanup| !cleanup.deleted.is_empty()) {
        output.note("the others are deleted again; --keep-on-failure keeps them");
    }
    for (id, error) in report.cleanup.map(|cleanup| cleanup.failed).unwrap_or_default() {
        output.note(&format!("{id} could not be deleted again: {error}"));
    }
    let mut errors = report.errors.into_iter().map(CliError::from);
    // The others have mostly the same to say.
    let first = errors.next().inspect(|error| problem::tell(error, output));
    Err(CliError::Some { failed, all: count, code: first.map_or(crate::exit::FAILURE, |error| error.code()) })
}

impl Args {
    /// Checked by the contract's own rules.
    fn options(&self) -> Result<CreateOptions, CliError> {
        let metadata: BTreeMap<_, _> = self.metadata.iter().cloned().collect();
        let mut options = Map::new();
        options.insert("templateID".to_owned(), self.template.as_str().into());
        options.insert("waitReady".to_owned(), (!self.no_wait).into());
        options.insert("autoPause".to_owned(), self.auto_pause.into());
        options.insert("metadata".to_owned(), json!(metadata));
        options.insert("envVars".to_owned(), json!(self.variables.read()?));
        options.extend(self.timeout.map(|seconds| ("timeout".to_owned(), seconds.into())));
        let options = CreateOptions::from_json(&Value::Object(options));
        Ok(options.map_err(sandbar_client::ClientError::from)?)
    }
}
