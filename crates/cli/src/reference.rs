//! Holds that docs/cli.md names every command and option. `SANDBAR_UPDATE=1` writes that part anew.

use std::fs;
use std::path::Path;

use clap::{Arg, Command};

use crate::exit::CODES;

const BEGIN: &str =
    "<!-- begin: written by `SANDBAR_UPDATE=1 cargo nextest run -p sandbar-cli -E 'test(the_reference)'` -->";
const END: &str = "<!-- end -->";

#[test]
fn the_reference_in_docs_has_every_command_and_option() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the mark of its beginning");
    let (_, after) = rest.split_once(END).expect("the mark of its end");
    let fresh = format!("{before}{BEGIN}\n\n{}\n{END}{after}", reference());
    if std::env::var_os("SANDBAR_UPDATE").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == fresh, "docs/cli.md is behind: {BEGIN}");
}

fn reference() -> String {
    let mut whole = crate::command_line();
    whole.build();
    let mut text = String::from("### Exit codes\n\n| Code | Means |\n| --- | --- |\n");
    for (code, what) in CODES {
        text.push_str(&format!("| {code} | {what} |\n"));
    }
    text.push_str("\n### Options of all commands\n\n");
    text.push_str(&options(whole.get_arguments()));
    let global = whole.get_arguments().map(|option| option.get_id().clone()).collect::<Vec<_>>();
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    for command in shown {
        text.push_str(&section(command, &global));
    }
    text
}

fn section(command: &Command, global: &[clap::Id]) -> String {
    let usage = command.clone().render_usage().to_string().replace("Usage: ", "");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let own = command.get_arguments().filter(|option| !global.contains(option.get_id()) || is_own(command, option));
    format!("\n### `sandbar {}`\n\n{about}.\n\n```text\n{usage}\n```\n\n{}", command.get_name(), options(own))
}

/// `serve` has a key of its own under the name of the global one.
fn is_own(command: &Command, option: &Arg) -> bool {
    command.get_name() == "serve" && option.get_id() == "api_key"
}

fn options<'a>(options: impl Iterator<Item = &'a Arg>) -> String {
    let shown = options.filter(|option| !option.is_hide_set() && option.get_id() != "help");
    let rows = shown.map(|option| format!("| {} | {} |\n", names(option), words(option))).collect::<String>();
    if rows.is_empty() { String::new() } else { format!("| Option | What |\n| --- | --- |\n{rows}") }
}

fn names(option: &Arg) -> String {
    let takes = option.get_action().takes_values();
    let value = option.get_value_names().into_iter().flatten().map(|name| format!("<{name}>")).collect::<Vec<_>>();
    let value = value.join(" ");
    if option.is_positional() {
        return format!("`{value}`");
    }
    let long = option.get_long().map(|long| format!("--{long}"));
    let short = option.get_short().map(|short| format!("-{short}"));
    let names = [short, long].into_iter().flatten().collect::<Vec<_>>().join(", ");
    if takes { format!("`{names} {value}`") } else { format!("`{names}`") }
}

fn words(option: &Arg) -> String {
    let mut text = option.get_help().map(ToString::to_string).unwrap_or_default();
    let takes = option.get_action().takes_values();
    let values = option.get_possible_values().into_iter().map(|value| value.get_name().to_owned()).collect::<Vec<_>>();
    if takes && !values.is_empty() {
        text.push_str(&format!(" (one of {})", values.join(", ")));
    }
    let defaults = option.get_default_values().iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>();
    if takes && !defaults.is_empty() {
        text.push_str(&format!(" [default: {}]", defaults.join(" ")));
    }
    if let Some(variable) = option.get_env() {
        text.push_str(&format!(" [env: {}]", variable.to_string_lossy()));
    }
    text.replace('|', "\\|").replace('<', "&lt;")
}
