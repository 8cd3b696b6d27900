use sandbar_client::Args;

use crate::call::{Found, json, ready};
use crate::native_runtime::Inside;

/// Git, as commands in a sandbox.
pub(crate) fn find(method: &str, args: &Args) -> Found<Inside> {
    Some(match method {
        // What `run` gives.
        "gitClone" => args.git_clone().and_then(|(git, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.git(&git, &call).await?) })
        }),
        // What `run` gives.
        "gitPull" => args.git_pull().and_then(|(git, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.git(&git, &call).await?) })
        }),
        // What `run` gives.
        "gitCheckout" => args.git_checkout().and_then(|(git, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.git(&git, &call).await?) })
        }),
        // What `git status` says for programs.
        "gitStatus" => args.git_status().and_then(|(git, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.git_status(&git, &call).await?) })
        }),
        _ => return None,
    })
}
