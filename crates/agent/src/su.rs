//! Commands that clients of the public service run as a user: `sh -lc "su -s /bin/sh 'root' -c '…'"`.
//!
//! No `su` works in a sandbox, whose one user may not change its groups. It is not needed either: what it would do for
//! root is left out, and other users are refused by name.

use std::borrow::Cow;

use crate::problem::Problem;
use crate::user::no_such_user;

const BEFORE_USER: &str = "su -s /bin/sh '";
const AFTER_USER: &str = "' -c ";
const SHELL: &str = "/bin/sh -c ";

/// The arguments without `su`, if they are those that a client runs a user's command with.
pub(crate) fn without_su<'a>(cmd: &str, args: &'a [String]) -> Result<Cow<'a, [String]>, Problem> {
    let ("sh", [flags, line]) = (cmd, args) else { return Ok(args.into()) };
    let Some((user, command)) = line.strip_prefix(BEFORE_USER).and_then(|rest| rest.split_once(AFTER_USER)) else {
        return Ok(args.into());
    };
    match (flags.as_str(), user) {
        ("-lc", "root") => Ok(vec![flags.clone(), format!("{SHELL}{command}")].into()),
        ("-lc", other) => Err(no_such_user(other)),
        _ => Ok(args.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(cmd: &str, args: [&str; 2]) -> Result<Vec<String>, Problem> {
        without_su(cmd, &args.map(str::to_owned)).map(Cow::into_owned)
    }

    #[test]
    fn a_command_of_root_needs_no_su() {
        let line = r#"su -s /bin/sh 'root' -c ''"'"'echo'"'"' '"'"'su -s /bin/sh'"'"''"#;
        let expected = r#"/bin/sh -c ''"'"'echo'"'"' '"'"'su -s /bin/sh'"'"''"#;
        assert_eq!(changed("sh", ["-lc", line]).unwrap(), ["-lc", expected]);
    }

    #[test]
    fn another_user_is_named() {
        let refused = changed("sh", ["-lc", "su -s /bin/sh 'bob' -c 'id'"]);
        assert!(refused.is_err_and(|problem| problem.message().contains("no user \"bob\"")));
    }

    #[test]
    fn all_else_stays_as_it_is() {
        for (cmd, args) in [
            ("bash", ["-lc", "su -s /bin/sh 'bob' -c 'id'"]),
            ("sh", ["-c", "su -s /bin/sh 'root' -c 'id'"]),
            ("sh", ["-lc", "su root -c id"]),
            ("sh", ["-lc", "echo su -s /bin/sh 'root' -c 'id'"]),
        ] {
            assert_eq!(changed(cmd, args).unwrap(), args);
        }
    }
}
