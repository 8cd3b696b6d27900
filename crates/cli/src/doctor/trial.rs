//! A real sandbox: created, used and deleted.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use sandbar_client::{CallOptions, Client, ClientError, ClientOptions, Config, Environment};
use sandbar_engine::Settings;
use sandbar_protocol::{CreateOptions, RunRequest, Secret};

use super::finding::{Finding, comment};
use crate::exit::CliError;
use crate::{api_key, host, problem};

const CHECK: &str = "sandbox";
const SAID: &str = "hello from the sandbox";

/// In an engine of its own, which leaves nothing.
pub(super) async fn here() -> Finding {
    match engine_of_its_own().await {
        Ok(finding) => finding,
        Err(error) => Finding::problem(CHECK, error.to_string(), comment("the findings above may say why")),
    }
}

async fn engine_of_its_own() -> Result<Finding, CliError> {
    let system = |source| CliError::System { what: "can't use a temporary folder".to_owned(), source };
    let folder = tempfile::Builder::new().prefix("sandbar-").tempdir().map_err(system)?;
    let (listen, key) = (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), api_key::generate());
    let engine = host::start(listen, folder.path(), &key, Duration::ZERO, false, Settings::default()).await?;
    let options = ClientOptions {
        base_url: Some(format!("http://{}", engine.address())),
        api_key: Some(Secret::new(key)),
        ..ClientOptions::default()
    };
    let finding = match Config::new(&options, &Environment::default()) {
        Ok(config) => Ok(at(&Client::new(config), "an engine of its own").await),
        Err(error) => Err(error.into()),
    };
    engine.shut_down().await;
    folder.close().map_err(system)?;
    finding
}

/// At a service.
pub(super) async fn at(client: &Client, place: &str) -> Finding {
    let begun = Instant::now();
    match live(client).await {
        Ok(said) if said.trim() == SAID => {
            let ms = begun.elapsed().as_millis();
            Finding::ok(CHECK, format!("created, ran a command and deleted by {place} in {ms} ms"))
        }
        Ok(said) => {
            let message = format!("a command in a sandbox of {place} printed {said:?} and not {SAID:?}");
            Finding::problem(CHECK, message, "sandbar doctor --full  # once more")
        }
        Err(error) => {
            let message = format!("a sandbox of {place} can't be used: {}", problem::message(&error.into()));
            Finding::problem(CHECK, message, comment("the findings above, or the engine's log, may say why"))
        }
    }
}

async fn live(client: &Client) -> Result<String, ClientError> {
    let options = CreateOptions { wait_ready: true, timeout: Some(60), ..CreateOptions::default() };
    let sandbox = client.create(&options, CallOptions::default()).await?.value;
    let ran = run(client, &sandbox).await;
    client.delete(&sandbox.sandbox_id, CallOptions::default()).await?;
    ran
}

async fn run(client: &Client, sandbox: &sandbar_protocol::Sandbox) -> Result<String, ClientError> {
    let runtime = client.runtime(&sandbox.sandbox_id, sandbox.envd.clone())?;
    let request = RunRequest { cmd: format!("echo {SAID}"), ..RunRequest::default() };
    Ok(runtime.run(&request, &CallOptions::default()).await?.value.stdout)
}
