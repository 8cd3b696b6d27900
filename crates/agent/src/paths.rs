use std::path::{Component, Path, PathBuf};

use crate::environment::Environment;
use crate::problem::Problem;

/// The place that a path of a request means: absolute, or relative to the folder in which commands start; `~` is the home.
///
/// `.` and `..` are resolved by their names alone. Nothing has to be kept out: the sandbox's root is the wall.
pub(crate) fn resolve(path: &str, environment: &Environment) -> Result<PathBuf, Problem> {
    resolve_field("path", path, environment)
}

/// As [`resolve`], for a path in a field of another name.
pub(crate) fn resolve_field(field: &str, path: &str, environment: &Environment) -> Result<PathBuf, Problem> {
    if path.is_empty() {
        return Err(Problem::invalid(format!(
            "`{field}` is empty: pass an absolute path, or one relative to the workspace"
        )));
    }
    if path.contains('\0') {
        return Err(Problem::invalid(format!("`{field}` has a NUL byte in it: {path:?}")));
    }
    Ok(without_dots(&absolute(path, environment)))
}

/// The same place, as the system resolves it: with its dots.
pub(crate) fn absolute(path: &str, environment: &Environment) -> PathBuf {
    let home = environment.home();
    match path.strip_prefix('~') {
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => environment.workdir().join(path),
    }
}

fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => {
                plain.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_a_path_stands_for_is_absolute_has_no_dots_and_stands_for_itself(path in "([~/.]|\\.\\.|a|\\PC){1,12}") {
            let plain = resolved(&path).map_err(|problem| TestCaseError::fail(format!("{problem:?}")))?;
            prop_assert!(plain.starts_with('/') && plain.split('/').all(|part| part != "." && part != ".."), "{}", plain);
            prop_assert_eq!(resolved(&plain), Ok(plain));
        }
    }

    fn resolved(path: &str) -> Result<String, Problem> {
        let environment = Environment::new(&BTreeMap::new(), Some("/root/workspace"));
        resolve(path, &environment).map(|path| path.display().to_string())
    }

    #[test]
    fn a_relative_path_begins_where_commands_start() {
        assert_eq!(resolved("a/b").as_deref(), Ok("/root/workspace/a/b"));
        assert_eq!(resolved(".").as_deref(), Ok("/root/workspace"));
        assert_eq!(resolved("./a//b/").as_deref(), Ok("/root/workspace/a/b"));
    }

    #[test]
    fn an_absolute_path_stays_as_it_is_and_a_tilde_is_the_home() {
        assert_eq!(resolved("/etc/hosts").as_deref(), Ok("/etc/hosts"));
        assert_eq!(resolved("~").as_deref(), Ok("/root"));
        assert_eq!(resolved("~/a").as_deref(), Ok("/root/a"));
        assert_eq!(resolved("~a").as_deref(), Ok("/root/workspace/~a"));
    }

    #[test]
    fn dots_never_lead_above_the_root() {
        assert_eq!(resolved("../../../../../etc/passwd").as_deref(), Ok("/etc/passwd"));
        assert_eq!(resolved("/a/../..").as_deref(), Ok("/"));
    }

    #[test]
    fn empty_paths_and_nul_bytes_are_refused_by_name() {
        assert!(resolved("").is_err_and(|problem| problem.message().contains("`path` is empty")));
        assert!(resolved("a\0b").is_err_and(|problem| problem.message().contains(r"a\0b")));
    }
}
