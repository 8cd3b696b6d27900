//! The table of attacks in the docs is complete.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Of these, every test is an attack.
const ATTACKS: [&str; 9] = [
    "hostile_agent",
    "imposter",
    "runtime::pages",
    "walls::agent",
    "walls::files",
    "walls::identity",
    "walls::kernel",
    "walls::neighbours",
    "walls::network",
];

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources of a test module of this workspace.
fn source(module: &str) -> PathBuf {
    let file = format!("{}.rs", module.replace("::", "/"));
    let folders = ["tests/bubblewrap", "tests", "src", "src/driver/bubblewrap", "../cli/tests", "../protocol/src"];
    let found = folders.into_iter().map(|folder| package().join(folder).join(&file)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("there is no test file for `{module}`"))
}

/// The names of the tests in a file.
fn tests_in(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap();
    let tests = text.split("test]\n").chain(text.split("test(start_paused = true)]\n"));
    let names = tests.filter_map(|text| text.trim_start().lines().next()?.split_once("fn ")?.1.split_once('('));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// The tests that the table names, in its last column.
fn documented() -> BTreeSet<(String, String)> {
    let page = fs::read_to_string(package().join("../../docs/security.md")).unwrap();
    let cells = page.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.rsplit('|').nth(1));
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
    names.map(|name| name.rsplit_once("::").map(|(file, test)| (file.to_owned(), test.to_owned())).unwrap()).collect()
}

#[test]
fn every_attack_in_the_docs_is_a_test() {
    let documented = documented();
    assert!(documented.len() > 60, "{documented:?}");
    for (module, test) in documented {
        assert!(tests_in(&source(&module)).contains(&test), "docs/security.md: there is no test `{module}::{test}`");
    }
}

#[test]
fn every_attack_that_is_a_test_is_in_the_docs() {
    let documented = documented();
    for module in ATTACKS {
        let tests = tests_in(&source(module));
        assert!(!tests.is_empty(), "no tests in {module}");
        for test in tests {
            let name = (module.to_owned(), test);
            assert!(documented.contains(&name), "docs/security.md does not list `{}::{}`", name.0, name.1);
        }
    }
}
