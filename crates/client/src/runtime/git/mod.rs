//! Git, as commands in a sandbox.

mod status;

use sandbar_protocol::{Fields, RunRequest, Secret, ValidationError, bare_kind};
use serde_json::Value;

use super::Runtime;
use super::process::{CommandResult, as_user, user};
use super::run::{MAX_TIMEOUT_MS, RunCall, variables};
use crate::{Args, CallOptions, ClientError};
pub use status::{GitFile, GitStatus};

const FIELDS: [&str; 5] = ["cwd", "envs", "timeoutMs", "user", "check"];
const CLONE_FIELDS: [&str; 7] = ["branch", "depth", "cwd", "envs", "timeoutMs", "user", "check"];
const MOST_COMMITS: u64 = 1 << 31;

/// How git is to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GitCall {
    args: Vec<String>,
    user: Option<String>,
    template: RunCall,
}

impl Runtime {
    /// Runs git. A git that fails is a result, not an error, unless the call says otherwise.
    ///
    /// # Errors
    /// As [`Runtime::run_command`].
    ///
    /// Route: `POST {envdUrl}/run`.
    pub async fn git(&self, git: &GitCall, call: &CallOptions) -> Result<CommandResult, ClientError> {
        self.run_command(&git.run(&[]), call).await
    }

    /// What `git status` says, for people and for programs.
    ///
    /// # Errors
    /// As [`Runtime::run_command`].
    ///
    /// Route: `POST {envdUrl}/run`, twice.
    pub async fn git_status(&self, git: &GitCall, call: &CallOptions) -> Result<GitStatus, ClientError> {
        let call = &call.as_a_whole();
        let result = self.git(git, call).await?;
        if result.exit_code != 0 {
            return Ok(GitStatus::of(result, ""));
        }
        let porcelain = self.run_command(&git.run(&["--porcelain=v2", "--branch", "-z"]), call).await?;
        Ok(GitStatus::of(result, &porcelain.stdout))
    }
}

impl GitCall {
    fn new(
        args: Vec<String>,
        path: Option<String>,
        fields: &Fields<'_>,
        command: &str,
    ) -> Result<Self, ValidationError> {
        let mut env = variables(fields)?.unwrap_or_default();
        // Nobody is there to type a password.
        env.entry("GIT_TERMINAL_PROMPT".to_owned()).or_insert_with(|| Secret::new("0"));
        let cwd = fields.text("cwd")?.map(str::to_owned);
        let request = RunRequest {
            cwd: path.or(cwd),
            env: Some(env),
            timeout_ms: fields.integer("timeoutMs", 1, MAX_TIMEOUT_MS, "milliseconds")?,
            ..RunRequest::default()
        };
        let check = fields.boolean("check")? == Some(true);
        let args = std::iter::once(command.to_owned()).chain(args).collect();
        Ok(Self { args, user: user(fields)?.map(str::to_owned), template: RunCall { request, check } })
    }

    fn run(&self, more: &[&str]) -> RunCall {
        let args = self.args.iter().cloned().chain(more.iter().map(|arg| (*arg).to_owned())).collect();
        let (cmd, args) = as_user("git".to_owned(), Some(args), self.user.as_deref());
        let RunCall { request, check } = self.template.clone();
        RunCall { request: RunRequest { cmd, args, ..request }, check }
    }
}

impl Args {
    /// Arguments of clone: `url`, `path`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn git_clone(&self) -> Result<(GitCall, CallOptions), ValidationError> {
        let (options, call) = self.options()?;
        let fields = Fields::of("clone options", &options, &CLONE_FIELDS)?;
        let mut args = Vec::new();
        if let Some(branch) = fields.text("branch")? {
            args.push(format!("--branch={branch}"));
        }
        if let Some(depth) = fields.integer("depth", 1, MOST_COMMITS, "commits")? {
            args.push(format!("--depth={depth}"));
        }
        let url = self.needed("url", "a repository's URL or path")?;
        // What follows is no option, whatever it begins with.
        args.extend(["--".to_owned(), url]);
        let path = self.given("path")?;
        // No shell reads it: the home is where git runs then.
        let (home, path) = match path.as_deref().and_then(|path| path.strip_prefix('~')) {
            Some("") => (Some("~".to_owned()), Some(".".to_owned())),
            Some(rest) if rest.starts_with('/') => (Some("~".to_owned()), Some(format!(".{rest}"))),
            _ => (None, path),
        };
        args.extend(path);
        Ok((GitCall::new(args, home, &fields, "clone")?, call))
    }

    /// Arguments of pull: `path`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn git_pull(&self) -> Result<(GitCall, CallOptions), ValidationError> {
        self.git("pull", Vec::new())
    }

    /// Arguments of checkout: `ref`, `path`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn git_checkout(&self) -> Result<(GitCall, CallOptions), ValidationError> {
        let name = self.needed("ref", "a branch, tag or commit")?;
        if name.starts_with('-') {
            let message = "`ref` begins with `-`, and would be an option: pass a branch, tag or commit";
            return Err(ValidationError::new("ref", message));
        }
        // After `--` come files, of which there are none.
        self.git("checkout", vec![name, "--".to_owned()])
    }

    /// Arguments of status: `path`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn git_status(&self) -> Result<(GitCall, CallOptions), ValidationError> {
        self.git("status", Vec::new())
    }

    fn git(&self, command: &str, args: Vec<String>) -> Result<(GitCall, CallOptions), ValidationError> {
        let (options, call) = self.options()?;
        let fields = Fields::of("git options", &options, &FIELDS)?;
        Ok((GitCall::new(args, self.given("path")?, &fields, command)?, call))
    }

    fn given(&self, name: &str) -> Result<Option<String>, ValidationError> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(Value::String(_)) => Err(ValidationError::new(name, format!("`{name}` is empty: leave it out"))),
            Some(other) => {
                Err(ValidationError::new(name, format!("`{name}` must be a string, got {}", bare_kind(other))))
            }
        }
    }

    fn needed(&self, name: &str, what: &str) -> Result<String, ValidationError> {
        self.given(name)?.ok_or_else(|| ValidationError::new(name, format!("`{name}` is missing: pass {what}")))
    }
}
