//! Command lines for `sh -c`, which may be longer than an argument of a program.

/// The longest argument that Linux takes, in bytes (`MAX_ARG_STRLEN` without the NUL at its end).
const MAX_ARGUMENT: usize = 128 * 1024 - 1;

/// The arguments with which a shell runs a line, `option` being `-c` or one like it.
///
/// A line that is too long goes along in pieces, which the shell puts together again. The sum of all arguments and
/// variables has a limit as well, of about 2 MiB.
pub(crate) fn arguments(option: &str, line: &str) -> Vec<String> {
    if line.len() <= MAX_ARGUMENT {
        return vec![option.to_owned(), line.to_owned()];
    }
    let pieces = pieces(line);
    let names: String = (1..=pieces.len()).map(|number| format!("${{{number}}}")).collect();
    // The line is to see no parameters.
    let put_together = format!("eval \"shift $#; {names}\"");
    [option, &put_together, "sh"].into_iter().chain(pieces).map(str::to_owned).collect()
}

/// The arguments of a program, if they are those of a shell with a line.
pub(crate) fn of_program(program: &str, args: &[String]) -> Option<Vec<String>> {
    match args {
        [option, line] if matches!(program, "sh" | "bash") && is_for_line(option) => Some(arguments(option, line)),
        _ => None,
    }
}

fn is_for_line(option: &str) -> bool {
    option.strip_prefix('-').is_some_and(|letters| letters.ends_with('c') && !letters.starts_with('-'))
}

fn pieces(mut rest: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let end = (0..=rest.len().min(MAX_ARGUMENT)).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or_default();
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_line_is_an_argument() {
        assert_eq!(arguments("-c", "ls"), ["-c", "ls"]);
        assert_eq!(arguments("-c", &"x".repeat(MAX_ARGUMENT))[1].len(), MAX_ARGUMENT);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = "é".repeat(MAX_ARGUMENT);
        let args = arguments("-lc", &line);
        assert_eq!(args[..3], ["-lc", "eval \"shift $#; ${1}${2}${3}\"", "sh"]);
        assert!(args.iter().all(|arg| arg.len() <= MAX_ARGUMENT));
        assert_eq!(args[3..].concat(), line);
    }

    #[test]
    fn only_shells_have_lines() {
        let args = |args: [&str; 2]| args.map(str::to_owned);
        assert!(of_program("sh", &args(["-lc", "ls"])).is_some());
        assert!(of_program("bash", &args(["-c", "ls"])).is_some());
        assert!(of_program("sh", &args(["--norc", "ls"])).is_none());
        assert!(of_program("sh", &args(["script", "ls"])).is_none());
        assert!(of_program("python3", &args(["-c", "ls"])).is_none());
    }
}
