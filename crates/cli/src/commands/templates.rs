use console::Style;
use sandbar_client::{CallOptions, ClientError};
use serde_json::Value;

use super::Session;
use crate::exit::CliError;
use crate::table::{Cell, Table};
use crate::terminal_text::plain;

/// Options of `sandbar templates`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  sandbar templates\n  sandbar create code-interpreter\n  sandbar templates --json | jq -r '.[].templateID'"
)]
pub(crate) struct Args {}

pub(super) async fn run(Args {}: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let output = session.output;
    let answer = session.client.templates(CallOptions::default()).await.map_err(|error| match error {
        ClientError::Api(error) if error.status == 404 => {
            CliError::NotFound("this server does not list its templates: its documentation names them".to_owned())
        }
        error => error.into(),
    })?;
    if output.json {
        output.value(&serde_json::from_str::<Value>(&answer.text).unwrap_or_default())?;
        return Ok(0);
    }
    if output.quiet {
        for template in answer.value.iter().filter(|template| template.available) {
            output.line(&plain(&template.template_id))?;
        }
        return Ok(0);
    }
    let mut table = Table::new(&["TEMPLATE", "CPUS", "MEMORY", "DISK", "DESCRIPTION"]);
    let size = |mib: Option<u64>| Cell::or_nothing(mib.map(|mib| format!("{mib} MiB"))).right();
    for template in &answer.value {
        let description = match &template.diagnostic {
            Some(diagnostic) if !template.available => {
                Cell::new(format!("unusable: {}", diagnostic.message)).styled(Style::new().red())
            }
            _ => Cell::or_nothing(template.description.as_ref()),
        };
        table.row(vec![
            Cell::new(&template.template_id),
            Cell::or_nothing(template.cpu_count.map(|count| count.to_string())).right(),
            size(template.memory_mb),
            size(template.disk_size_mb),
            description,
        ]);
    }
    output.line(&table.render(output))?;
    Ok(0)
}
