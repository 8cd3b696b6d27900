use napi::Env;
use napi_derive::napi;
use sandbar_client::Args;
use serde_json::json;

use crate::call::{Cancel, Promised};
use crate::native_runtime::NativeRuntime;

/// Each gives back what `run()` does; `gitStatus()` with what `git status` says for programs.
#[napi]
impl NativeRuntime {
    /// Clones a repository.
    #[napi]
    pub fn git_clone<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::git_clone, |runtime, (git, call)| async move {
            Ok(json!(runtime.git(&git, &call).await?).to_string())
        })
    }

    /// Fetches and merges what a repository follows.
    #[napi]
    pub fn git_pull<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::git_pull, |runtime, (git, call)| async move {
            Ok(json!(runtime.git(&git, &call).await?).to_string())
        })
    }

    /// Checks a branch, tag or commit out.
    #[napi]
    pub fn git_checkout<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::git_checkout, |runtime, (git, call)| async move {
            Ok(json!(runtime.git(&git, &call).await?).to_string())
        })
    }

    /// Says how a working tree differs from what is committed.
    #[napi]
    pub fn git_status<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::git_status, |runtime, (git, call)| async move {
            Ok(json!(runtime.git_status(&git, &call).await?).to_string())
        })
    }
}
