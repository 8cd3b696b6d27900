use std::ffi::OsStr;
use std::path::PathBuf;

use sandbar_protocol::check_sandbox_id;
use serde_json::Value;

/// One side of a copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Remote(RemotePlace),
    Local(PathBuf),
    /// Standard input or output.
    Stream,
}

/// A place in a sandbox.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RemotePlace {
    pub(super) sandbox_id: String,
    /// As it was written; `.` for the workspace.
    pub(super) path: String,
}

impl Place {
    /// What stands before the first colon is a sandbox if it could be one.
    pub(super) fn of(text: &OsStr) -> Self {
        if text == "-" {
            return Self::Stream;
        }
        let remote = text.to_str().and_then(|text| text.split_once(':'));
        match remote.filter(|(id, _)| check_sandbox_id(&Value::from(*id)).is_ok()) {
            Some((id, path)) => {
                let path = if path.is_empty() { "." } else { path };
                Self::Remote(RemotePlace { sandbox_id: id.to_owned(), path: path.to_owned() })
            }
            None => Self::Local(text.into()),
        }
    }
}

impl RemotePlace {
    /// The name under which it is copied into a directory; none for what is in a directory, as `a/.`.
    pub(super) fn name(&self) -> Option<&str> {
        name_of(&self.path)
    }

    /// Whether it is surely meant as a directory.
    pub(super) fn is_directory(&self) -> bool {
        self.path.ends_with('/') || self.name().is_none()
    }

    /// The place of a name in it.
    pub(super) fn join(&self, name: Option<&str>) -> String {
        match name {
            Some(name) => format!("{}/{name}", self.path.trim_end_matches('/')),
            None => self.path.clone(),
        }
    }
}

/// The last part of a path, unless that is `.`, `..`, `~` or nothing.
pub(super) fn name_of(path: &str) -> Option<&str> {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Some(last).filter(|name| !["", ".", "..", "~"].contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(id: &str, path: &str) -> Place {
        Place::Remote(RemotePlace { sandbox_id: id.to_owned(), path: path.to_owned() })
    }

    #[test]
    fn a_sandbox_stands_before_the_first_colon() {
        for (text, place) in [
            ("sb-1:a.txt", remote("sb-1", "a.txt")),
            ("sb-1:", remote("sb-1", ".")),
            ("sb_1:/a:b", remote("sb_1", "/a:b")),
            ("a.txt", Place::Local("a.txt".into())),
            ("./a:b", Place::Local("./a:b".into())),
            ("a.b:c", Place::Local("a.b:c".into())),
            (":a", Place::Local(":a".into())),
            ("-", Place::Stream),
            ("./-", Place::Local("./-".into())),
        ] {
            assert_eq!(Place::of(OsStr::new(text)), place, "{text}");
        }
    }

    #[test]
    fn what_is_copied_into_a_directory_keeps_its_name() {
        let names = [("a", Some("a")), ("/a/b/", Some("b")), ("a/.", None), (".", None), ("/", None), ("~", None)];
        for (path, name) in names {
            assert_eq!(name_of(path), name, "{path}");
        }
        let place = |path: &str| RemotePlace { sandbox_id: "sb-1".into(), path: path.into() };
        assert_eq!(place("a/").join(Some("b")), "a/b");
        assert_eq!(place("/").join(Some("b")), "/b");
        assert_eq!(place("a").join(None), "a");
        assert!(place("a/").is_directory() && place(".").is_directory() && !place("a").is_directory());
    }
}
