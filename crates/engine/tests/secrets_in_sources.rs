//! How the engine's sources treat secrets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

/// The lines of the sources in which a secret is read, with their files.
fn readings(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            readings(&path, found);
            continue;
        }
        if path.ends_with("tests.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let code = source.split("#[cfg(test)]").next().unwrap();
        let lines = code.lines().filter(|line| line.contains(".expose()"));
        found.extend(lines.map(|line| (path.display().to_string(), line.trim().to_owned())));
    }
}

#[test]
fn secrets_are_compared_in_constant_time_only() {
    let mut found = Vec::new();
    readings(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() >= 2, "the key and the token are read: {found:?}");
    for (file, line) in found {
        let compares = ["==", "!=", ".eq(", ".cmp(", "starts_with", "contains("].iter().any(|way| line.contains(way));
        assert!(!compares, "{file}: compare it by `auth::same`: {line}");
    }
    let auth = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/auth.rs")).unwrap();
    assert!(auth.contains("given.as_bytes().ct_eq(expected.as_bytes())"), "`auth::same` does so");
}
