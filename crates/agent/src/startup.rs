//! The way to readiness: the folder in which commands start, the template's start command, then its ready command until it succeeds.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use sandbar_protocol::{BootConfig, Health, HeartbeatStatus};
use tokio::sync::watch;

use crate::command::{exit_code, shell};
use crate::environment::{Environment, HOME};

const FIRST_RETRY: Duration = Duration::from_millis(20);
const LAST_RETRY: Duration = Duration::from_millis(500);

/// Begins the start and tells how it goes.
pub(crate) fn begin(config: &BootConfig, environment: Environment) -> watch::Receiver<Health> {
    let (start, ready) = (config.start_command.clone(), config.ready_command.clone());
    let healthy = Health { status: HeartbeatStatus::Healthy, message: None, reason: None, commands_ms: None };
    if let Err(why) = make_workdir(environment.workdir()) {
        let (message, reason) = (Some(why), Some("workdir_unusable".to_owned()));
        return watch::channel(Health { status: HeartbeatStatus::Error, message, reason, ..healthy }).1;
    }
    if start.is_none() && ready.is_none() {
        return watch::channel(healthy).1;
    }
    let starting = Health { status: HeartbeatStatus::Starting, ..healthy.clone() };
    let (sender, receiver) = watch::channel(starting);
    tokio::spawn(async move {
        let begun = Instant::now();
        let health = match start_up(start, ready, &environment).await {
            Ok(()) => Health { commands_ms: u64::try_from(begun.elapsed().as_millis()).ok(), ..healthy },
            Err(message) => Health { status: HeartbeatStatus::Error, message: Some(message), ..healthy },
        };
        sender.send_replace(health);
        // The last word stays readable.
        sender.closed().await;
    });
    receiver
}

fn make_workdir(workdir: &Path) -> Result<(), String> {
    match fs::create_dir_all(workdir) {
        // What is in the home is the user's: whatever stands in its place there can only be cleared away inside.
        Err(error) if !workdir.is_dir() && !workdir.starts_with(HOME) => {
            Err(format!("there is no folder {}, and it can't be made: {error}", workdir.display()))
        }
        _ => Ok(()),
    }
}

async fn start_up(start: Option<String>, ready: Option<String>, environment: &Environment) -> Result<(), String> {
    if let Some(line) = start {
        // Its output goes to the agent's own, which the engine logs.
        let status = shell(&line, environment)
            .process_group(0)
            .status()
            .await
            .map_err(|e| format!("no shell to start with: {e}"))?;
        if !status.success() {
            return Err(format!("the start command ended with exit code {}", exit_code(status)));
        }
    }
    let Some(line) = ready else { return Ok(()) };
    let mut wait = FIRST_RETRY;
    loop {
        let mut check = shell(&line, environment);
        let status = check.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
        if status.map_err(|e| format!("no shell to ask for readiness: {e}"))?.success() {
            return Ok(());
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LAST_RETRY);
    }
}
