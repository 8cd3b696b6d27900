use sandbar_client::Endpoint;
use serde_json::{Map, Value};

use crate::connection;
use crate::exit::CliError;
use crate::global::GlobalArgs;
use crate::output::Output;

/// Options of `sandbar env`.
#[derive(clap::Args)]
#[command(after_help = "\
The server is the one that all commands would call: that of --base-url or of SEACLOUD_BASE_URL, else the engine that
`sandbar serve` runs here. Nothing is called. The key is printed: don't leave it in a log.

Examples:
  eval \"$(sandbar env)\" && node app.js
  sandbar env --shell fish | source
  sandbar env --json | jq -r .SEACLOUD_BASE_URL")]
pub(crate) struct Args {
    /// The shell that reads it; sh is also for bash and zsh
    #[arg(long, value_name = "SHELL", value_enum, default_value_t)]
    shell: Syntax,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Syntax {
    #[default]
    Sh,
    Fish,
}

pub(super) fn run(args: &Args, global: &GlobalArgs, output: &Output) -> Result<u8, CliError> {
    let variables = variables(connection::config(global)?.endpoint);
    if output.json {
        let map: Map<_, _> = variables.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        output.value(&map)?;
        return Ok(0);
    }
    for (name, value) in variables {
        output.line(&args.shell.assignment(name, &value))?;
    }
    Ok(0)
}

fn variables(endpoint: Endpoint) -> Vec<(&'static str, String)> {
    let url = endpoint.base_url.to_string();
    let mut variables = vec![
        // As people write it: every client adds the prefix.
        ("SEACLOUD_BASE_URL", url.strip_suffix("/api/v1").unwrap_or(&url).to_owned()),
        ("SEACLOUD_API_KEY", endpoint.api_key.expose().to_owned()),
    ];
    variables.extend(endpoint.project_id.map(|project| ("SEACLOUD_PROJECT_ID", project)));
    variables
}

impl Syntax {
    fn assignment(self, name: &str, value: &str) -> String {
        match self {
            Self::Sh => format!("export {name}='{}'", value.replace('\'', r"'\''")),
            Self::Fish => format!("set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Syntax;

    #[test]
    fn a_value_is_quoted_for_its_shell() {
        assert_eq!(Syntax::Sh.assignment("A", r"it's $x\"), r"export A='it'\''s $x\'");
        assert_eq!(Syntax::Fish.assignment("A", r"it's $x\"), r"set -gx A 'it\'s $x\\'");
    }
}
