use std::path::Path;

use super::finding::Finding;
use super::program::version_of;
use crate::host;

const CHECK: &str = "agent";
const BUILD: &str = "npm install @sandbar/local  # has both programs; from sources: npm run build";

/// The program that runs inside sandboxes, and whether it is of this program's version.
pub(super) async fn finding() -> Finding {
    let path = match host::agent() {
        Ok(path) => path,
        Err(error) => return Finding::problem(CHECK, error.to_string(), BUILD),
    };
    let place = path.display();
    if !path.is_file() {
        let message = format!(
            "sandbar-agent is not at {place}{}",
            if is_chosen() { ", where SANDBAR_AGENT says it is" } else { "" }
        );
        return Finding::problem(CHECK, message, fix());
    }
    match version_of(&path).await {
        Ok(version) if version == format!("sandbar-agent {}", env!("CARGO_PKG_VERSION")) => {
            Finding::ok(CHECK, format!("{version} at {place}"))
        }
        Ok(version) => mismatch(&path, &format!("says {version:?}")),
        Err(why) => mismatch(&path, &format!("does not tell its version ({why})")),
    }
}

fn mismatch(path: &Path, how: &str) -> Finding {
    let message = format!(
        "{} {how}, and this is sandbar {}: both must be of one version",
        path.display(),
        env!("CARGO_PKG_VERSION")
    );
    Finding::problem(CHECK, message, fix())
}

fn is_chosen() -> bool {
    std::env::var_os("SANDBAR_AGENT").is_some()
}

fn fix() -> String {
    if is_chosen() {
        format!("unset SANDBAR_AGENT  # then the one beside sandbar counts\n{BUILD}")
    } else {
        BUILD.to_owned()
    }
}
