use jiff::Timestamp;
use sandbar_client::{CallOptions, ClientError};
use sandbar_protocol::{RefreshOptions, TimeoutOptions};
use serde_json::json;

use super::Session;
use crate::exit::CliError;
use crate::span::{moment, span, until};

/// Options of `sandbar timeout`.
#[derive(clap::Args)]
#[command(after_help = "\
At its end a sandbox is deleted, or paused if it was created with --auto-pause. `sandbar refresh` only ever extends.

Examples:
  sandbar timeout sb-1a2b3c 3600
  sandbar timeout sb-1a2b3c 0      # ends it now")]
pub(crate) struct Args {
    /// The sandbox's ID
    #[arg(value_name = "ID")]
    sandbox_id: String,
    /// How long it lives from now on, in seconds, 0 to 86400; 0 ends it now
    seconds: u64,
}

/// Options of `sandbar refresh`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  sandbar refresh sb-1a2b3c\n  sandbar refresh sb-1a2b3c --duration 1800")]
pub(crate) struct RefreshArgs {
    /// The sandbox's ID
    #[arg(value_name = "ID")]
    sandbox_id: String,
    /// The least time that it lives from now on, in seconds, 0 to 3600 [default: the timeout that it was given]
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let options = TimeoutOptions::from_json(&json!({ "timeout": args.seconds })).map_err(ClientError::from)?;
    let end_at = session.client.set_timeout(&args.sandbox_id, &options, CallOptions::default()).await?;
    tell(session, &args.sandbox_id, end_at)
}

pub(super) async fn refresh(args: RefreshArgs, session: &Session<'_>) -> Result<u8, CliError> {
    let options = args.duration.map_or_else(|| json!({}), |seconds| json!({ "duration": seconds }));
    let options = RefreshOptions::from_json(&options).map_err(ClientError::from)?;
    let end_at = session.client.refresh(&args.sandbox_id, &options, CallOptions::default()).await?;
    tell(session, &args.sandbox_id, end_at)
}

fn tell(session: &Session<'_>, sandbox_id: &str, end_at: Option<Timestamp>) -> Result<u8, CliError> {
    if session.output.json {
        session.output.value(&json!({ "sandboxID": sandbox_id, "endAt": end_at }))?;
        return Ok(0);
    }
    session.output.note(&match end_at {
        Some(time) if until(time).is_zero() => format!("{sandbox_id} ends now"),
        Some(time) => format!("{sandbox_id} ends in {} ({})", span(until(time)), moment(time)),
        None => format!("{sandbox_id} has more time"),
    });
    Ok(0)
}
