use napi_derive::napi;
use sandbar_client::{CLIENT_OPTION_NAMES, Client, ClientError, ClientOptions, Config, Environment};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::event_queue::EventQueue;
use crate::native_client::NativeClient;
use crate::outcomes::Outcomes;
use crate::stderr_log;

/// What a client is made of.
#[derive(Deserialize)]
struct Setup {
    /// The client's options, none if absent.
    #[serde(default)]
    options: Value,
    /// The environment variables that count, as an object of strings; unset ones are left out.
    #[serde(default)]
    env: Value,
}

/// Opens a client for `{"options": object | undefined, "env": {SEACLOUD_BASE_URL?, SEACLOUD_API_KEY?, …}}` as JSON text;
/// `outcomes` takes what its calls come to, and `events` what it tells about its work.
///
/// Nothing is connected before the first call, and clients of equal options share their connections. It never throws: a
/// wrong configuration is told by `configError()` and rejects every call.
#[napi]
pub fn open_client(config_json: String, outcomes: &Outcomes, events: Option<&EventQueue>) -> NativeClient {
    let client = open(&config_json);
    let client = match events {
        Some(events) => client.map(|client| client.with_events(events.sink())),
        None => client,
    };
    NativeClient::new(client, outcomes.mailbox())
}

/// The addon's version: that of the package which it belongs to.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The names of the options that configure a client or a single call, as the JSON text of an array.
#[napi]
pub fn client_option_names() -> String {
    Value::from_iter(CLIENT_OPTION_NAMES).to_string()
}

/// The names of the environment variables that count, as JSON text: `{"service": [...], "fallback": [...], "setup": [...]}`, of which
/// the fallback counts where none of the service is set.
#[napi]
pub fn environment_names() -> String {
    let (service, fallback) = (Environment::SERVICE_NAMES, Environment::FALLBACK_NAMES);
    json!({"service": service, "fallback": fallback, "setup": Environment::SETUP_NAMES}).to_string()
}

fn open(config_json: &str) -> Result<Client, ClientError> {
    let setup: Setup = serde_json::from_str(config_json).map_err(|error| ClientError::Configuration {
        setting: "configJson".to_owned(),
        message: format!("the client's configuration can't be read: {error}"),
    })?;
    let variables = setup.env.as_object().into_iter().flatten();
    let environment: Environment =
        variables.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    stderr_log::start(&environment);
    let options = ClientOptions::from_json(&setup.options)?;
    Ok(Client::shared(Config::new(&options, &environment)?))
}
