use std::path::{Component, Path, PathBuf};

/// The place of an entry below a directory of this machine. A sandbox may say anything: what could lead elsewhere is none.
pub(super) fn local_place(root: &str, path: &str) -> Option<PathBuf> {
    let within = path.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')?;
    let mut place = PathBuf::new();
    for name in within.split('/') {
        let mut components = Path::new(name).components();
        // On Windows, a name may also hold a backslash, or begin with a drive.
        match (components.next(), components.next()) {
            (Some(Component::Normal(only)), None) if only == name && is_possible(name) => place.push(name),
            _ => return None,
        }
    }
    Some(place)
}

fn is_possible(name: &str) -> bool {
    let is_foreign = cfg!(windows) && name.contains(['<', '>', ':', '"', '|', '?', '*']);
    // U+FFFD stands for bytes that are no UTF-8: the file has another name.
    !name.contains(['\0', char::REPLACEMENT_CHARACTER]) && !is_foreign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_its_place_below_the_directory() {
        assert_eq!(local_place("/root/a", "/root/a/b/c.txt"), Some("b/c.txt".into()));
        assert_eq!(local_place("/", "/etc/hosts"), Some("etc/hosts".into()));
    }

    #[test]
    fn what_leads_elsewhere_has_no_place() {
        for path in [
            "/root/a/../../etc/passwd",
            "/root/a/..",
            "/root/a/./b",
            "/root/a//etc",
            "/root/a/",
            "/root/a",
            "/etc/passwd",
            "/root/ab",
            "../x",
            "",
            "/root/a/b\0c",
            "/root/a/b\u{fffd}",
        ] {
            assert_eq!(local_place("/root/a", path), None, "{path:?}");
        }
    }
}
