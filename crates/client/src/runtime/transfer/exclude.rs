/// What is left out of a directory. A pattern with a slash is a path within the directory, one without is a name at any
/// depth; `*` stands for any characters but a slash, and `?` for one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exclude {
    patterns: Vec<String>,
}

impl FromIterator<String> for Exclude {
    fn from_iter<I: IntoIterator<Item = String>>(patterns: I) -> Self {
        Self { patterns: patterns.into_iter().collect() }
    }
}

impl Exclude {
    /// Whether it leaves a path out, which is relative to the directory.
    pub(super) fn matches(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        self.patterns.iter().any(|pattern| {
            let plain = pattern.trim_end_matches('/').trim_start_matches("./");
            let subject = if plain.contains('/') { path } else { name };
            fits(plain.trim_start_matches('/').as_bytes(), subject.as_bytes())
        })
    }
}

/// Goes back to the last `*` where the rest does not fit: never more than pattern times text steps.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
                continue;
            }
            Some(b'?') if text[read] != b'/' => {
                // One character, of however many bytes.
                read += 1;
                while text.get(read).is_some_and(|byte| byte & 0xC0 == 0x80) {
                    read += 1;
                }
                at += 1;
                continue;
            }
            Some(byte) if *byte == text[read] => {
                (at, read) = (at + 1, read + 1);
                continue;
            }
            _ => {}
        }
        match star {
            Some((after, from)) if text[from] != b'/' => {
                star = Some((after, from + 1));
                (at, read) = (after + 1, from + 1);
            }
            _ => return false,
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(pattern: &str, path: &str) -> bool {
        Exclude::from_iter([pattern.to_owned()]).matches(path)
    }

    #[test]
    fn a_name_is_left_out_at_any_depth() {
        assert!(excludes("node_modules", "node_modules"));
        assert!(excludes("node_modules/", "a/b/node_modules"));
        assert!(!excludes("node_modules", "a/node_modules2"));
    }

    #[test]
    fn a_path_is_left_out_where_it_is() {
        assert!(excludes("dist/tmp", "dist/tmp"));
        assert!(excludes("/dist", "dist"));
        assert!(!excludes("/dist", "a/dist"));
        assert!(!excludes("dist/tmp", "a/dist/tmp"));
    }

    #[test]
    fn stars_and_question_marks_stay_within_a_name() {
        assert!(excludes("*.log", "a/b.log"));
        assert!(excludes("a/*.log", "a/b.log"));
        assert!(!excludes("a/*.log", "a/b/c.log"));
        assert!(excludes("?.txt", "ü.txt"));
        assert!(!excludes("?.txt", "ab.txt"));
        assert!(excludes("*", "anything"));
        assert!(excludes("a*b*c", "aXbYbZc"));
    }
}
