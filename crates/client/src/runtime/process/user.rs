use sandbar_protocol::{Fields, ValidationError};

/// A command as another user runs it: the service itself knows none but root.
pub(in crate::runtime) fn as_user(
    cmd: String,
    args: Option<Vec<String>>,
    user: Option<&str>,
) -> (String, Option<Vec<String>>) {
    let Some(user) = user else { return (cmd, args) };
    let line = match args.as_deref() {
        None | Some([]) => cmd,
        Some(args) => {
            let words = std::iter::once(&cmd).chain(args);
            words.map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
        }
    };
    let switch = format!("su -s /bin/sh {} -c {}", quoted(user), quoted(&line));
    ("sh".to_owned(), Some(vec!["-lc".to_owned(), switch]))
}

/// The field `user`; `None` for root, who runs everything anyway.
pub(in crate::runtime) fn user<'a>(fields: &Fields<'a>) -> Result<Option<&'a str>, ValidationError> {
    let Some(name) = fields.text("user")? else { return Ok(None) };
    let is_name = !name.starts_with('-')
        && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.'));
    match name {
        "" | "root" => Ok(None),
        _ if is_name => Ok(Some(name)),
        _ => Err(ValidationError::new("user", "`user` is no user's name: use letters, digits, `_`, `-` and `.`")),
    }
}

/// A word as the shell takes it for itself.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r#"'"'"'"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_user_gets_the_command_whole() {
        let (cmd, args) = as_user("echo $HOME".to_owned(), None, Some("ana"));
        assert_eq!(cmd, "sh");
        assert_eq!(args.unwrap(), ["-lc", "su -s /bin/sh 'ana' -c 'echo $HOME'"]);
        let (_, args) = as_user("printf".to_owned(), Some(vec!["it's".to_owned()]), Some("ana"));
        let line = r#"su -s /bin/sh 'ana' -c ''"'"'printf'"'"' '"'"'it'"'"'"'"'"'"'"'"'s'"'"''"#;
        assert_eq!(args.unwrap(), ["-lc", line]);
    }

    #[test]
    fn root_needs_no_switch() {
        assert_eq!(as_user("ls".to_owned(), None, None), ("ls".to_owned(), None));
    }
}
