use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sandbar_protocol::Secret;

use super::{Template, TemplateError};

pub(super) const BUILT_IN: [&str; 2] = ["base", "code-interpreter"];

/// What a program without a terminal and a screen wants.
const PYTHON_ENV: [(&str, &str); 2] = [("PYTHONUNBUFFERED", "1"), ("MPLBACKEND", "Agg")];

pub(super) fn base() -> Template {
    Template { description: Some("The host's programs and an empty home".to_owned()), ..Template::default() }
}

/// The host's Python; sandboxes see it if it is below `/usr`.
pub(super) fn code_interpreter(python: &Path) -> Result<Template, TemplateError> {
    let program = python.canonicalize().ok().filter(|path| {
        let executable = path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o1 != 0);
        executable && path.starts_with("/usr")
    });
    if program.is_none() {
        return Err(TemplateError::PythonMissing { python: python.to_owned() });
    }
    let env_vars: BTreeMap<_, _> =
        PYTHON_ENV.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect();
    let description = Some("The host's Python 3, with memory for data".to_owned());
    Ok(Template { description, env_vars, memory_mb: 1024, ..Template::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_that_sandboxes_do_not_see_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("python3");
        std::fs::copy("/bin/sh", &outside).unwrap();
        for python in [outside.as_path(), Path::new("/usr/bin/no-such-python3"), Path::new("/usr")] {
            let error = code_interpreter(python).unwrap_err();
            assert_eq!(error.diagnostic().reason, "python_missing", "{python:?}");
            assert!(error.to_string().contains("code-interpreter"), "{error}");
        }
        // Any program will do.
        assert_eq!(code_interpreter(Path::new("/usr/bin/env")).unwrap().memory_mb, 1024);
    }
}
