use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Asking for a version takes no time.
const LIMIT: Duration = Duration::from_secs(5);

/// What a program prints when it is asked for its version; else why it does not.
pub(super) async fn version_of(program: &Path) -> Result<String, String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = match tokio::time::timeout(LIMIT, command.output()).await {
        Ok(output) => output.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("it did not end within {} s", LIMIT.as_secs())),
    };
    if output.status.success() {
        return Ok(first_line(&output.stdout));
    }
    let said = first_line(&output.stderr);
    Err(if said.is_empty() { output.status.to_string() } else { format!("{}: {said}", output.status) })
}

fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().chars().take(200).collect()
}
