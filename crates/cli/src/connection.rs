//! Which server a command calls, and as whom.

use std::time::Duration;

use sandbar_client::{Client, ClientOptions, Config, Environment, LocalEngine};
use sandbar_protocol::Secret;

use crate::exit::CliError;
use crate::global::GlobalArgs;

/// A client of the server that options and environment name, by the SDK's rules; else of the engine that runs here.
pub(crate) fn client(global: &GlobalArgs) -> Result<Client, CliError> {
    Ok(Client::new(config(global)?))
}

/// Its configuration.
pub(crate) fn config(global: &GlobalArgs) -> Result<Config, CliError> {
    let mut options = ClientOptions {
        base_url: global.base_url.clone(),
        api_key: global.api_key.clone().map(Secret::new),
        project_id: global.project_id.clone(),
        request_timeout: global.request_timeout.map(Duration::from_secs),
        ..ClientOptions::default()
    };
    let environment = Environment::of_process();
    if names_no_server(&options) {
        let LocalEngine { url, api_key } = LocalEngine::find().ok_or(CliError::NoServer)?;
        options.base_url = Some(url);
        options.api_key = Some(api_key);
    }
    Ok(Config::new(&options, &environment)?)
}

/// Whether nothing at all says which server: half of it is a mistake that the person must hear of.
fn names_no_server(options: &ClientOptions) -> bool {
    let names = Environment::SERVICE_NAMES.into_iter().chain(Environment::FALLBACK_NAMES);
    // A project alone says nothing about where.
    let set = names
        .filter(|name| *name != "SEACLOUD_PROJECT_ID")
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    options.base_url.is_none() && options.api_key.is_none() && !set
}
