use sandbar_client::CallOptions;
use serde_json::json;

use super::Session;
use crate::exit::CliError;

/// Options of `sandbar pause`.
#[derive(clap::Args)]
#[command(after_help = "\
Its processes end, its files, metadata and variables stay, and its TTL stands still. `sandbar resume` starts it again.

Examples:
  sandbar pause sb-1a2b3c
  sandbar ls -q --metadata app=demo | xargs -r -n 1 sandbar pause")]
pub(crate) struct Args {
    /// The sandbox's ID
    #[arg(value_name = "ID")]
    sandbox_id: String,
}

pub(super) async fn run(Args { sandbox_id }: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let changed = session.client.pause(&sandbox_id, CallOptions::default()).await?;
    if session.output.json {
        session.output.value(&json!({ "sandboxID": sandbox_id, "state": "paused", "changed": changed }))?;
    } else if changed {
        session.output.note(&format!("{sandbox_id} is paused; `sandbar resume {sandbox_id}` starts it again"));
    } else {
        session.output.note(&format!("{sandbox_id} was paused already"));
    }
    Ok(0)
}
