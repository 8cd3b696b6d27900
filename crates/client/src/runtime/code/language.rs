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
    /// As its last argument, after these.
    Argument(&'static [&'static str]),
}

pub(super) const PYTHON: Language =
    Language { name: "python", aliases: &["py", "python3"], interpreter: "python3", way: Way::Context };

const LANGUAGES: [Language; 9] = [
    PYTHON,
    Language {
        name: "javascript",
        aliases: &["js", "node"],
        interpreter: "node",
        way: Way::Input(&["--input-type=module", "-"]),
    },
    Language { name: "typescript", aliases: &["ts"], interpreter: "tsx", way: Way::Input(&["-"]) },
    Language { name: "bash", aliases: &[], interpreter: "bash", way: Way::Argument(&["-c"]) },
    Language { name: "sh", aliases: &["shell"], interpreter: "sh", way: Way::Argument(&["-c"]) },
    Language { name: "ruby", aliases: &["rb"], interpreter: "ruby", way: Way::Input(&["-"]) },
    Language { name: "perl", aliases: &["pl"], interpreter: "perl", way: Way::Input(&["-"]) },
    Language { name: "php", aliases: &[], interpreter: "php", way: Way::Argument(&["-r"]) },
    Language { name: "r", aliases: &[], interpreter: "Rscript", way: Way::Argument(&["-e"]) },
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
