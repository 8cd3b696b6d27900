use std::collections::BTreeMap;
use std::sync::Arc;

use sandbar_protocol::Secret;

/// Where users work; kept across a pause.
pub(crate) const WORKSPACE: &str = "/root/workspace";

const DEFAULTS: [(&str, &str); 7] = [
    ("HOME", "/root"),
    ("LANG", "C.UTF-8"),
    ("LOGNAME", "root"),
    ("PATH", "/root/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("SHELL", "/bin/sh"),
    ("TERM", "xterm-256color"),
    ("USER", "root"),
];

/// The environment of everything that runs in the sandbox: usual defaults, overridden by the sandbox's variables.
#[derive(Clone)]
pub(crate) struct Environment(Arc<BTreeMap<String, Secret>>);

impl Environment {
    pub(crate) fn new(env_vars: &BTreeMap<String, Secret>) -> Self {
        let mut all: BTreeMap<String, Secret> =
            DEFAULTS.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect();
        all.extend(env_vars.clone());
        Self(Arc::new(all))
    }

    /// Name and value of each variable, for a process.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}
