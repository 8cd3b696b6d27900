//! The table of diagnostics in the docs is complete.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const MAKER: &str = "Diagnostic::new(";

/// The reasons in the sources: each stands as text where its diagnostic is made.
fn reasons_in(folder: &Path, reasons: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            reasons_in(&path, reasons);
        } else if path.file_name().unwrap() != "tests.rs" {
            let source = fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap();
            for made in code.split(MAKER).skip(1) {
                let quoted = made.trim_start().strip_prefix('"').and_then(|text| text.split_once('"'));
                let (reason, _) = quoted.unwrap_or_else(|| panic!("{}: write the reason out", path.display()));
                reasons.insert(reason.to_owned());
            }
        }
    }
}

/// The first column of the tables.
fn documented(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(reason, _)| reason.to_owned()).collect()
}

#[test]
fn every_reason_is_in_the_docs_and_no_other() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut reasons = BTreeSet::new();
    reasons_in(&package.join("src"), &mut reasons);
    assert!(reasons.contains("bwrap_missing"), "{reasons:?}");
    let page = fs::read_to_string(package.join("../../docs/diagnostics.md")).unwrap();
    assert_eq!(reasons, documented(&page), "sources (left) and docs/diagnostics.md (right)");
}
