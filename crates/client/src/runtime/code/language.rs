use sandbar_protocol::ValidationError;

/// A language that code is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Language {
    pub(super) name: &'static str,
    aliases: &'static [&'static str],
    pub(super) interpreter: &'static str,
    pub(super) way: Way,
}

/// How an interpreter gets its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In a context.
    Context,
    /// On its standard input, with these arguments.
    Input(&'static [&'static str]),
    /// As its last argument, after this one; in a file, it begins with `opening`.
    Argument { option: &'static str, opening: &'static str },
}

pub(super) const PYTHON: Language =
    Language { name: "python", aliases: &["py", "python3"], interpreter: "python3", way: Way::Context };

const SHELL: Way = Way::Argument { option: "-c", opening: "" };

const LANGUAGES: [Language; 9] = [
    PYTHON,
    Language {
        name: "javascript",
        aliases: &["js", "node"],
        interpreter: "node",
        way: Way::Input(&["--input-type=module", "-"]),
    },
    Language { name: "typescript", aliases: &["ts"], interpreter: "tsx", way: Way::Input(&["-"]) },
    Language { name: "bash", aliases: &[], interpreter: "bash", way: SHELL },
    Language { name: "sh", aliases: &["shell"], interpreter: "sh", way: SHELL },
    Language { name: "ruby", aliases: &["rb"], interpreter: "ruby", way: Way::Input(&["-"]) },
    Language { name: "perl", aliases: &["pl"], interpreter: "perl", way: Way::Input(&["-"]) },
    Language { name: "php", aliases: &[], interpreter: "php", way: Way::Argument { option: "-r", opening: "<?php " } },
    Language { name: "r", aliases: &[], interpreter: "Rscript", way: Way::Argument { option: "-e", opening: "" } },
];

impl Language {
    pub(super) fn named(name: Option<&str>) -> Result<Self, ValidationError> {
        let wanted = name.unwrap_or("python").trim().to_ascii_lowercase();
        let found = LANGUAGES
            .into_iter()
            .find(|language| language.name == wanted || language.aliases.contains(&wanted.as_str()));
        found.ok_or_else(|| {
            let names: Vec<_> = LANGUAGES.iter().map(|language| language.name).collect();
            let message = format!("`language` is {wanted:?}, which is not known: use one of {}", names.join(", "));
            ValidationError::new("language", message)
        })
    }

    /// What went wrong, from what an interpreter printed to standard error when it ended.
    pub(super) fn error_in(self, stderr: &str) -> Option<String> {
        let lines: Vec<_> = stderr.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let last = |is_it: fn(&str) -> bool| lines.iter().rposition(|line| is_it(line));
        let at = match self.interpreter {
            // The error stands below a mark in the code; the stack and the version follow.
            "node" | "tsx" => last(|line| line.trim_start().chars().all(|mark| mark == '^'))
                .map(|mark| mark + 1)
                .or_else(|| last(|line| !line.starts_with("Node.js v"))),
            // The stack is indented.
            "ruby" => last(|line| !line.starts_with(char::is_whitespace)),
            "php" => last(|line| line.contains("error: ")),
            "Rscript" => last(|line| line.starts_with("Error")),
            _ => None,
        };
        let line = at.and_then(|at| lines.get(at)).or(lines.last())?;
        Some((*line).to_owned())
    }

    /// What to say where its interpreter is missing.
    pub(super) fn is_missing(self) -> String {
        let Self { name, interpreter, .. } = self;
        let template = match name {
            "python" => "the template `code-interpreter`, or another one",
            _ => "a template",
        };
        format!("{interpreter} is not in this sandbox, and {name} needs it: use {template} that has it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(language: &str, stderr: &str) -> Option<String> {
        Language::named(Some(language)).unwrap().error_in(stderr)
    }

    #[test]
    fn the_error_of_node_is_below_the_mark_in_the_code() {
        let printed = "file:///root/workspace/[eval1]:1\nthrow new TypeError(\"no such user\")\n      ^\n\n\
                       TypeError: no such user\n    at file:///root/workspace/[eval1]:1:7\n    at async x {\n  \
                       code: 'E'\n}\n\nNode.js v20.20.2\n";
        assert_eq!(error("js", printed).as_deref(), Some("TypeError: no such user"));
        assert_eq!(error("ts", "last words\nNode.js v20.20.2\n").as_deref(), Some("last words"));
    }

    #[test]
    fn the_error_is_found_among_stacks_and_farewells() {
        let ruby = "-:1:in `find': no such user (RuntimeError)\n\tfrom -:3:in `<main>'\n";
        assert_eq!(error("ruby", ruby).as_deref(), Some("-:1:in `find': no such user (RuntimeError)"));
        let php = "PHP Fatal error:  Uncaught Exception: no such user in Command line code:1\nStack trace:\n#0 {main}\n  \
                   thrown in Command line code on line 1\n";
        let expected = "PHP Fatal error:  Uncaught Exception: no such user in Command line code:1";
        assert_eq!(error("php", php).as_deref(), Some(expected));
        let r = "Error in find() : no such user\nCalls: find\nExecution halted\n";
        assert_eq!(error("r", r).as_deref(), Some("Error in find() : no such user"));
    }

    #[test]
    fn the_error_is_the_last_line_by_default() {
        assert_eq!(
            error("bash", "warning\nbash: line 2: x: command not found\n\n").unwrap(),
            "bash: line 2: x: command not found"
        );
        assert_eq!(error("perl", "no such user at - line 1.\n").as_deref(), Some("no such user at - line 1."));
        assert_eq!(error("sh", "\n"), None);
    }
}
