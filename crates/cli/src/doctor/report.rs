use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::finding::{Finding, Level, has_problem};

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

    pub(super) fn write_json(&self, mut out: impl Write) -> io::Result<()> {
        let mut report = Map::new();
        report.insert("ok".to_owned(), json!(!self.has_problem()));
        report.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        for section in &self.0 {
            report.insert(section.name.to_owned(), serde_json::to_value(&section.findings)?);
        }
        writeln!(out, "{:#}", Value::Object(report))
    }

    pub(super) fn write_table(&self, mut out: impl Write) -> io::Result<()> {
        let all = || self.0.iter().flat_map(|section| &section.findings);
        let width = all().map(|finding| finding.check.len()).max().unwrap_or_default();
        for section in &self.0 {
            writeln!(out, "{}", section.title)?;
            for Finding { check, level, message, fix } in &section.findings {
                writeln!(out, "  {} {check:width$}  {message}", symbol(*level))?;
                for line in fix.iter().flat_map(|fix| fix.lines()) {
                    writeln!(out, "    {:width$}  {line}", "")?;
                }
            }
            writeln!(out)?;
        }
        let count = |level| all().filter(|finding| finding.level == level).count();
        writeln!(out, "{}", summary(count(Level::Problem), count(Level::Warning)))
    }
}

fn symbol(level: Level) -> &'static str {
    match level {
        Level::Ok => "✓",
        Level::Warning => "!",
        Level::Problem => "✗",
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
