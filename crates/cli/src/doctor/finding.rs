use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, but not for everyone or not for long.
    Warning,
    /// It does not work.
    Problem,
}

/// What one look came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    /// What was looked at, as `bubblewrap`.
    pub(super) check: &'static str,
    pub(super) level: Level,
    /// One sentence.
    pub(super) message: String,
    /// Commands to paste into a shell, and comments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, message: message.into(), fix: None }
    }

    pub(super) fn warning(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Warning, fix: Some(fix.into()), ..Self::ok(check, message) }
    }

    pub(super) fn problem(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Problem, fix: Some(fix.into()), ..Self::ok(check, message) }
    }

    pub(super) fn is_problem(&self) -> bool {
        self.level == Level::Problem
    }
}

/// Whether one of them is a problem.
pub(super) fn has_problem(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::is_problem)
}

/// A sentence as a line that a shell passes over.
pub(super) fn comment(sentence: &str) -> String {
    format!("# {}", sentence.replace('\n', " "))
}
