use serde::Serialize;

use super::CommandResult;

/// What `git status` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GitStatus {
    /// What it printed for people, and its exit code.
    #[serde(flatten)]
    pub result: CommandResult,
    /// The branch that is checked out; none if a commit is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The branch that it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// How many commits the upstream has not.
    pub ahead: u64,
    /// How many commits only the upstream has.
    pub behind: u64,
    /// The files that differ, in git's order.
    pub files: Vec<GitFile>,
}

/// A file that differs from what is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GitFile {
    /// Its path, from the repository's root.
    pub path: String,
    /// Its path before it was renamed or copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How the index differs from the commit: `M`, `A`, `D`, `R`, `C`, `U`, `.` for not at all; `?` for a file that is not
    /// tracked.
    pub index: String,
    /// How the working tree differs from the index, in the same letters.
    pub worktree: String,
}

impl GitStatus {
    /// Reads what `git status --porcelain=v2 --branch -z` printed.
    pub(super) fn of(result: CommandResult, porcelain: &str) -> Self {
        let mut status = Self { result, ..Self::default() };
        let mut entries = porcelain.split_terminator('\0');
        while let Some(entry) = entries.next() {
            if let Some(header) = entry.strip_prefix("# branch.") {
                status.read_header(header);
                continue;
            }
            // How many words stand before the path.
            let before = match entry.chars().next() {
                Some('1') => 8,
                Some('2') => 9,
                Some('u') => 10,
                Some('?') => 1,
                _ => continue,
            };
            let words: Vec<_> = entry.splitn(before + 1, ' ').collect();
            let (Some(path), Some(letters)) = (words.get(before), words.get(1)) else { continue };
            let mut letters = if before == 1 { "??" } else { letters }.chars().map(String::from);
            status.files.push(GitFile {
                path: (*path).to_owned(),
                // The path before stands by itself.
                from: if before == 9 { entries.next().map(str::to_owned) } else { None },
                index: letters.next().unwrap_or_default(),
                worktree: letters.next().unwrap_or_default(),
            });
        }
        status
    }

    fn read_header(&mut self, header: &str) {
        match header.split_once(' ') {
            Some(("head", "(detached)")) => {}
            Some(("head", branch)) => self.branch = Some(branch.to_owned()),
            Some(("upstream", upstream)) => self.upstream = Some(upstream.to_owned()),
            Some(("ab", counts)) => {
                let mut counts = counts.split(' ').map(|count| count.get(1..).and_then(|count| count.parse().ok()));
                self.ahead = counts.next().flatten().unwrap_or_default();
                self.behind = counts.next().flatten().unwrap_or_default();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_with_spaces_and_renames() {
        let hashes = "N... 100644 100644 100644 e69de29 e69de29";
        let text = [
            "# branch.oid 1234".to_owned(),
            "# branch.head main".to_owned(),
            "# branch.upstream origin/main".to_owned(),
            "# branch.ab +2 -1".to_owned(),
            format!("1 .M {hashes} a file.txt"),
            format!("2 R. {hashes} R100 new name"),
            "old name".to_owned(),
            "u UU N... 1 2 3 4 a b c both.txt".to_owned(),
            "? not tracked".to_owned(),
        ]
        .map(|entry| entry + "\0")
        .concat();
        let status = GitStatus::of(CommandResult::default(), &text);
        assert_eq!((status.branch.as_deref(), status.upstream.as_deref()), (Some("main"), Some("origin/main")));
        assert_eq!((status.ahead, status.behind), (2, 1));
        let file = |path: &str, index: &str, worktree: &str| GitFile {
            path: path.to_owned(),
            from: None,
            index: index.to_owned(),
            worktree: worktree.to_owned(),
        };
        let renamed = GitFile { from: Some("old name".to_owned()), ..file("new name", "R", ".") };
        let expected =
            [file("a file.txt", ".", "M"), renamed, file("both.txt", "U", "U"), file("not tracked", "?", "?")];
        assert_eq!(status.files, expected);
    }

    #[test]
    fn a_commit_that_is_checked_out_is_no_branch() {
        let status = GitStatus::of(CommandResult::default(), "# branch.oid 1\0# branch.head (detached)\0");
        assert_eq!((status.branch, status.files.len()), (None, 0));
    }
}
