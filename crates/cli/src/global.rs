//! Options that every command has.

use clap::{Args, ValueEnum};

/// Options that every command has.
#[derive(Args, Clone)]
pub(crate) struct GlobalArgs {
    /// URL of the server, as https://sandboxes.example [default: SEACLOUD_BASE_URL, or the engine that runs here]
    #[arg(long, global = true, value_name = "URL", help_heading = SERVER)]
    pub(crate) base_url: Option<String>,
    /// Key of the server at that URL [default: SEACLOUD_API_KEY, which keeps it out of `ps`]
    #[arg(long, global = true, value_name = "KEY", help_heading = SERVER)]
    pub(crate) api_key: Option<String>,
    /// Project that calls belong to [default: SEACLOUD_PROJECT_ID]
    #[arg(long, global = true, value_name = "ID", help_heading = SERVER)]
    pub(crate) project_id: Option<String>,
    /// The most that one request may take, in seconds, its repeats included [default: 60]
    #[arg(long, global = true, value_name = "SECONDS", help_heading = SERVER,
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) request_timeout: Option<u64>,
    /// Print JSON for programs: one value, or one a line where a command goes on
    #[arg(long, global = true, help_heading = PRINTING)]
    pub(crate) json: bool,
    /// Print only what was asked for: no progress, no headings, no remarks
    #[arg(short, long, global = true, help_heading = PRINTING)]
    pub(crate) quiet: bool,
    /// When to print in colour; NO_COLOR and CLICOLOR_FORCE count as well
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = PRINTING)]
    pub(crate) color: ColorChoice,
    /// Write log lines (see SANDBAR_LOG) as JSON
    #[arg(long, global = true, help_heading = PRINTING)]
    pub(crate) log_json: bool,
}

const SERVER: &str = "Server";
const PRINTING: &str = "Printing";

/// When to print in colour.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// Commands that call no server.
const WITHOUT_CALLS: [&str; 5] = ["serve", "dev", "keep", "completions", "man"];

/// Takes the options that only calls have out of the help of commands that make none.
pub(crate) fn hide_where_meaningless(command: clap::Command) -> clap::Command {
    let options = GlobalArgs::augment_args(clap::Command::new("global"));
    let hide = |serving: clap::Command| {
        // What a command has itself is not handed down to it: so the hidden ones are its own.
        let own = |id: &clap::Id| serving.get_arguments().any(|option| option.get_id() == id);
        let hidden = options.get_arguments().filter(|option| option.get_id() != "log_json" && !own(option.get_id()));
        let hidden = hidden.map(|option| option.clone().hide(true)).collect::<Vec<_>>();
        serving.args(hidden)
    };
    WITHOUT_CALLS.into_iter().fold(command, |command, serving| command.mut_subcommand(serving, hide))
}
