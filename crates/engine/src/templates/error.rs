use std::path::PathBuf;

use sandbar_protocol::Diagnostic;

/// Why a template can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is none of that name.
    #[error("template {name:?} is not known: {}use one of {}", did_you_mean(meant), known.join(", "))]
    NotFound {
        /// The name asked for.
        name: String,
        /// The nearest one that exists.
        meant: Option<String>,
        /// The names that exist.
        known: Vec<String>,
    },
    /// Its definition can't be read.
    #[error("template {name:?} has a broken definition: {why}")]
    Broken {
        /// The name asked for.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Its root file system is none.
    #[error("the root file system of template {name:?} can't be used: {why}")]
    Rootfs {
        /// The name asked for.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// This machine has no Python for `code-interpreter`.
    #[error("template \"code-interpreter\" needs Python, and {} is no program below /usr", python.display())]
    PythonMissing {
        /// Where it should be.
        python: PathBuf,
    },
}

fn did_you_mean(meant: &Option<String>) -> String {
    meant.as_ref().map(|meant| format!("did you mean {meant}? ")).unwrap_or_default()
}

impl TemplateError {
    /// The same for the wire.
    pub fn diagnostic(&self) -> Diagnostic {
        let message = self.to_string();
        match self {
            Self::NotFound { .. } => Diagnostic::new("template_not_found", message)
                .recommend("put its definition back into the folder `templates` in the data folder"),
            Self::Broken { .. } => Diagnostic::new("template_broken", message)
                .recommend("correct its definition in the folder `templates` in the data folder"),
            Self::Rootfs { .. } => rootfs_broken(message),
            Self::PythonMissing { .. } => Diagnostic::new("python_missing", message).recommend(
                "install it: `apt-get install python3` (Debian, Ubuntu), `dnf install python3` (Fedora), \
                 `apk add python3` (Alpine); or make a template of your own whose root file system has one",
            ),
        }
    }
}

/// A root file system that can't be used.
pub(super) fn rootfs_broken(message: String) -> Diagnostic {
    Diagnostic::new("rootfs_broken", message).recommend(
        "put a whole root file system there: a folder with bin/sh in it that everyone may read, or its tar, as \
         `mmdebstrap bookworm rootfs.tar` makes it; docs/templates.md has an example",
    )
}
