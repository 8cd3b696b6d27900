//! Environment variables for a sandbox or a command in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::exit::CliError;

/// Options that give variables. What is given later wins; `--env` wins over files.
#[derive(clap::Args)]
pub(crate) struct Variables {
    /// An environment variable; NAME alone takes the value from your own environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Variables from a file with lines NAME=VALUE; blank lines and those that begin with # don't count
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
}

impl Variables {
    /// All of them.
    pub(crate) fn read(&self) -> Result<BTreeMap<String, String>, CliError> {
        let mut variables = BTreeMap::new();
        for file in &self.env_file {
            let what = format!("can't read {}", file.display());
            let text = std::fs::read_to_string(file).map_err(CliError::system(what))?;
            variables.extend(of_file(file, &text)?);
        }
        for given in &self.env {
            variables.extend([of_option(given)?]);
        }
        Ok(variables)
    }
}

fn of_option(given: &str) -> Result<(String, String), CliError> {
    if let Some((name, value)) = given.split_once('=') {
        return Ok((name.to_owned(), value.to_owned()));
    }
    match std::env::var(given) {
        Ok(value) => Ok((given.to_owned(), value)),
        Err(std::env::VarError::NotPresent) => Err(CliError::Usage(format!(
            "--env {given}: there is no such variable here: set it, or give its value as --env {given}=…"
        ))),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(CliError::Usage(format!("--env {given}: the value of the variable is not UTF-8")))
        }
    }
}

/// As shells and `.env` files have it: an `export` before the name and a pair of quotes around the value are taken off;
/// nothing in the value is expanded.
fn of_file(file: &Path, text: &str) -> Result<Vec<(String, String)>, CliError> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            let line = line.strip_prefix("export ").unwrap_or(line);
            // The line itself is not shown: it may be a secret.
            let (name, value) = line
                .split_once('=')
                .ok_or_else(|| CliError::Usage(format!("{}, line {number}: write it as NAME=VALUE", file.display())))?;
            Ok((name.trim().to_owned(), unquoted(value.trim()).to_owned()))
        })
        .collect()
}

fn unquoted(value: &str) -> &str {
    let within = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        of_file(Path::new("a.env"), text).unwrap()
    }

    #[test]
    fn a_file_has_a_variable_a_line() {
        let text = "# a comment\n\nA=1\nexport B=\"two words\"\r\n C = 'x=y' \nD=\nE=$HOME # not expanded";
        let expected = [("A", "1"), ("B", "two words"), ("C", "x=y"), ("D", ""), ("E", "$HOME # not expanded")];
        assert_eq!(read(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_wrong_line_is_named_without_being_shown() {
        let error = of_file(Path::new("a.env"), "A=1\nhush").unwrap_err();
        assert_eq!(error.to_string(), "a.env, line 2: write it as NAME=VALUE");
    }
}
