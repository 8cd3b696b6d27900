use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

const MAX_BYTES: u64 = 1024 * 1024;

/// The names of users and groups, as the sandbox's files tell them.
pub(super) struct Accounts {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Accounts {
    /// Reads them now, as they may change at any time.
    pub(super) fn read() -> Self {
        Self { users: names(&text("/etc/passwd")), groups: names(&text("/etc/group")) }
    }

    /// The user's name, or else the number.
    pub(super) fn user(&self, id: u32) -> String {
        self.users.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// The group's name, or else the number.
    pub(super) fn group(&self, id: u32) -> String {
        self.groups.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }
}

/// A file that is missing or broken knows no names.
fn text(path: &str) -> String {
    let mut bytes = Vec::new();
    let _ = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Both files have lines of `name:password:number:…`. The first of a number counts.
fn names(text: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(Ok(id))) = (fields.next(), fields.nth(1).map(str::parse)) {
            names.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts_and_broken_lines_do_not() {
        let names =
            names("root:x:0:0:root:/root:/bin/sh\n\nbroken\n#x:y:z\ntoor:x:0:0::/:/bin/sh\nbob:x:7:7::/:/bin/sh\n");
        assert_eq!(names.len(), 2);
        assert_eq!(names.get(&0).map(String::as_str), Some("root"));
        assert_eq!(names.get(&7).map(String::as_str), Some("bob"));
    }
}
