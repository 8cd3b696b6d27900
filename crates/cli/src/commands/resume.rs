use std::time::Duration;

use sandbar_client::{CallOptions, ClientError, Wait};
use sandbar_protocol::ConnectOptions;
use serde_json::json;

use super::{Session, info};
use crate::exit::CliError;
use crate::progress;
use crate::span::{span, until};

/// Options of `sandbar resume`.
#[derive(clap::Args)]
#[command(after_help = "\
A paused sandbox starts again under the same ID, on the same files; its processes start anew. One that runs only gets
the time. One that is starting is waited for.

Examples:
  sandbar resume sb-1a2b3c
  sandbar resume sb-1a2b3c --timeout 3600")]
pub(crate) struct Args {
    /// The sandbox's ID
    #[arg(value_name = "ID")]
    sandbox_id: String,
    /// The least time that it lives from now on, in seconds, 0 to 86400; 0 leaves its end as it is [default: 300]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Return at once, before it can be used
    #[arg(long)]
    no_wait: bool,
    /// How long to wait until it can be used, in seconds [default: 120]
    #[arg(long, value_name = "SECONDS", conflicts_with = "no_wait",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    ready_timeout: Option<u64>,
    /// With --json, print the access token of the sandbox's own API as well
    #[arg(long, requires = "json")]
    show_token: bool,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let (client, output) = (&session.client, session.output);
    let timeout = args.timeout.map_or_else(|| json!({}), |seconds| json!({ "timeout": seconds }));
    let options = ConnectOptions::from_json(&timeout).map_err(ClientError::from)?;
    let wait = if args.no_wait { Wait::No } else { Wait::UntilReady };
    let call = CallOptions { ready_timeout: args.ready_timeout.map(Duration::from_secs), ..CallOptions::default() };
    let id = &args.sandbox_id;
    let resume = async |onlooker| client.connect_seen(id, &options, wait, &onlooker, call).await;
    let answer = progress::of_sandbox(output, id, resume).await?;
    if output.json {
        output.value(&info::raw(&answer.text, args.show_token))?;
    } else {
        let sandbox = &answer.value;
        let state = sandbox.public_state().map_or("accepted", |state| state.as_str());
        let left = sandbox.end_at.map(|time| format!(", ends in {}", span(until(time)))).unwrap_or_default();
        output.note(&format!("{id} is {state}{left}"));
    }
    Ok(0)
}
