use console::{Style, StyledObject};
use serde_json::{Map, Value, json};

use super::finding::{Finding, Level, has_problem};
use crate::exit::CliError;
use crate::output::Output;
use crate::terminal_text::plain;

/// All findings.
pub(super) struct Report(pub(super) Vec<Section>);

/// The findings about one thing.
pub(super) struct Section {
    /// In JSON.
    pub(super) name: &'static str,
    /// For people.
    pub(super) title: &'static str,
    pub(super) findings: Vec<Finding>,
}

impl Report {
    pub(super) fn has_problem(&self) -> bool {
        self.0.iter().any(|section| has_problem(&section.findings))
    }

    pub(super) fn print(&self, output: &Output) -> Result<(), CliError> {
        if output.json { output.value(&self.to_json()) } else { output.line(&self.table(!output.quiet)) }
    }

    fn to_json(&self) -> Value {
        let mut report = Map::new();
        report.insert("ok".to_owned(), json!(!self.has_problem()));
        report.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        report.extend(self.0.iter().map(|section| (section.name.to_owned(), json!(section.findings))));
        Value::Object(report)
    }

    /// For people; without what is fine if nobody wants to read that.
    fn table(&self, with_ok: bool) -> String {
        let all = || self.0.iter().flat_map(|section| &section.findings);
        let width = all().map(|finding| finding.check.len()).max().unwrap_or_default();
        let mut lines = Vec::new();
        for section in &self.0 {
            let is_shown = |finding: &&Finding| with_ok || finding.level != Level::Ok;
            let mut shown = section.findings.iter().filter(is_shown).peekable();
            if shown.peek().is_none() {
                continue;
            }
            lines.push(Style::new().bold().apply_to(section.title).to_string());
            for Finding { check, level, message, fix } in shown {
                lines.push(format!("  {} {check:width$}  {}", symbol(*level), plain(message)));
                let fix = fix.iter().flat_map(|fix| fix.lines());
                lines.extend(
                    fix.map(|line| format!("    {:width$}  {}", "", Style::new().cyan().apply_to(plain(line)))),
                );
            }
            lines.push(String::new());
        }
        let count = |level| all().filter(|finding| finding.level == level).count();
        lines.push(summary(count(Level::Problem), count(Level::Warning)));
        lines.join("\n")
    }
}

/// It reads without colour as well.
fn symbol(level: Level) -> StyledObject<&'static str> {
    match level {
        Level::Ok => Style::new().green().apply_to("✓"),
        Level::Warning => Style::new().yellow().bold().apply_to("!"),
        Level::Problem => Style::new().red().bold().apply_to("✗"),
    }
}

fn summary(problems: usize, warnings: usize) -> String {
    let counted = |count: usize, word: &str| match count {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        more => format!("{more} {word}s"),
    };
    let counts = format!("{}, {}", counted(problems, "problem"), counted(warnings, "warning"));
    if problems + warnings == 0 { counts } else { format!("{counts}: the lines below each are commands that mend it") }
}
