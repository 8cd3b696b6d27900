use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use sandbar_protocol::Secret;

use crate::problem::Problem;

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

/// Names and values.
pub(crate) type Variables = BTreeMap<String, Secret>;

/// The environment of everything that runs in the sandbox: usual defaults, overridden by the sandbox's variables, and
/// the folder in which commands start.
#[derive(Clone)]
pub(crate) struct Environment {
    variables: Arc<RwLock<Arc<Variables>>>,
    workdir: Arc<Path>,
    home: Arc<Path>,
}

impl Environment {
    pub(crate) fn new(env_vars: &Variables, workdir: Option<&str>) -> Self {
        let mut all: Variables =
            DEFAULTS.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect();
        all.extend(env_vars.clone());
        let home = Path::new(all.get("HOME").map_or(HOME, Secret::expose)).into();
        let workdir = Path::new(workdir.unwrap_or(WORKSPACE)).into();
        Self { variables: Arc::new(RwLock::new(Arc::new(all))), workdir, home }
    }

    /// Where commands start.
    pub(crate) fn workdir(&self) -> &Path {
        &self.workdir
    }

    /// What `~` stands for: the home that the sandbox started with.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// What a process that starts now gets.
    pub(crate) fn variables(&self) -> Arc<Variables> {
        self.variables.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets variables for all that starts from here on; the others stay as they are.
    pub(crate) fn set(&self, variables: Variables) {
        let mut current = self.variables.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut current).extend(variables);
    }
}

/// Whether a process could have these variables; `field` is where the request has them.
pub(crate) fn check_variables(field: &str, variables: &Variables) -> Result<(), Problem> {
    for (name, value) in variables {
        if name.is_empty() || name.contains(['=', '\0']) {
            let message =
                format!("`{field}` has a variable named {name:?}: a name is not empty, and has no `=` or NUL");
            return Err(Problem::invalid(message));
        }
        if value.expose().contains('\0') {
            return Err(Problem::invalid(format!("`{field}` has a NUL byte in the value of {name:?}")));
        }
    }
    Ok(())
}
