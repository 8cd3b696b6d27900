use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sandbar_protocol::Secret;

/// Where users work, unless the template says otherwise; kept across a pause.
const WORKSPACE: &str = "/root/workspace";

/// The home, which belongs to the user and is kept across a pause.
pub(crate) const HOME: &str = "/root";

const DEFAULTS: [(&str, &str); 7] = [
    ("HOME", HOME),
    ("LANG", "C.UTF-8"),
    ("LOGNAME", "root"),
    ("PATH", "/root/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("SHELL", "/bin/sh"),
    ("TERM", "xterm-256color"),
    ("USER", "root"),
];

/// The environment of everything that runs in the sandbox: usual defaults, overridden by the sandbox's variables, and
/// the folder in which commands start.
#[derive(Clone)]
pub(crate) struct Environment {
    variables: Arc<BTreeMap<String, Secret>>,
    workdir: Arc<Path>,
}

impl Environment {
    pub(crate) fn new(env_vars: &BTreeMap<String, Secret>, workdir: Option<&str>) -> Self {
        let mut all: BTreeMap<String, Secret> =
            DEFAULTS.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect();
        all.extend(env_vars.clone());
        Self { variables: Arc::new(all), workdir: Path::new(workdir.unwrap_or(WORKSPACE)).into() }
    }

    /// Where commands start.
    pub(crate) fn workdir(&self) -> &Path {
        &self.workdir
    }

    /// What `~` stands for.
    pub(crate) fn home(&self) -> &Path {
        Path::new(self.variables.get("HOME").map_or(HOME, Secret::expose))
    }

    /// Name and value of each variable, for a process.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}
