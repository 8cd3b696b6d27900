use std::borrow::Cow;
use std::time::Duration;

use sandbar_protocol::{Fields, Secret, ValidationError, bare_kind};
use serde_json::{Map, Value};

use crate::retry::MOST_RETRIES;
use crate::{CallOptions, ClientError, headers};

/// The options that configure a client or a single call, beside those that a route sends.
pub const CLIENT_OPTION_NAMES: [&str; 11] = [
    "baseUrl",
    "apiKey",
    "projectId",
    "proxy",
    "ca",
    "headers",
    "logger",
    "connectTimeoutMs",
    "requestTimeoutMs",
    "readyTimeoutMs",
    "maxRetries",
];

/// The longest time limit that can be asked for, in milliseconds: a day.
const MAX_TIMEOUT_MS: u64 = 86_400_000;

/// What a caller says about the service; whatever is absent comes from the environment or a default.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// The service's URL.
    pub base_url: Option<String>,
    /// The key of the service at `base_url`.
    pub api_key: Option<Secret>,
    /// The project that requests are routed to.
    pub project_id: Option<String>,
    /// An http, https or socks5 proxy's URL; a secret, because it may carry a password. Not used for loopback hosts.
    pub proxy: Option<Secret>,
    /// Certificates of the authorities to trust, as PEM text, instead of the system's.
    pub ca: Option<String>,
    /// Extra headers of every request, by name. Values are secrets.
    pub headers: Vec<(String, Secret)>,
    /// How long a connection may take to come about; default 10 s.
    pub connect_timeout: Option<Duration>,
    /// How long one call's request may take, its repeats included; default 60 s.
    pub request_timeout: Option<Duration>,
    /// How long to wait until a sandbox is ready; default 120 s.
    pub ready_timeout: Option<Duration>,
    /// How often a request may be repeated, 0…20; default 3.
    pub max_retries: Option<u32>,
}

impl ClientOptions {
    /// Reads the options of a client, by their JS names; null is none.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] if one is unknown or of a wrong kind. The key's value is never repeated.
    pub fn from_json(options: &Value) -> Result<Self, ClientError> {
        if options.is_null() {
            return Ok(Self::default());
        }
        Self::read(options)
            .map_err(|ValidationError { field, message }| ClientError::Configuration { setting: field, message })
    }

    fn read(own: &Value) -> Result<Self, ValidationError> {
        let fields = Fields::of("client options", own, &CLIENT_OPTION_NAMES)?;
        let text = |name| Ok(fields.text(name)?.map(str::to_owned));
        if let Some(other) = fields.get("logger") {
            // A right one is a thing of the calling language, and does not come here.
            let message = format!(
                "`logger` must be a function, or an object with the functions debug, info, warn and error, got {}",
                bare_kind(other)
            );
            return Err(ValidationError::new("logger", message));
        }
        let limits = call_options(own)?;
        let connect_timeout = fields.integer("connectTimeoutMs", 1, MAX_TIMEOUT_MS, "milliseconds")?;
        Ok(Self {
            base_url: text("baseUrl")?,
            api_key: secret(&fields, "apiKey")?,
            project_id: text("projectId")?,
            proxy: secret(&fields, "proxy")?,
            ca: secret(&fields, "ca")?.map(|pem| pem.expose().to_owned()),
            headers: headers::read(fields.get("headers"))?,
            connect_timeout: connect_timeout.map(Duration::from_millis),
            request_timeout: limits.request_timeout,
            ready_timeout: limits.ready_timeout,
            max_retries: limits.max_retries,
        })
    }
}

fn secret(fields: &Fields<'_>, name: &str) -> Result<Option<Secret>, ValidationError> {
    match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(Secret::new(text))),
        Some(other) => Err(ValidationError::new(name, format!("`{name}` must be a string, got {}", bare_kind(other)))),
    }
}

/// Parts an options object into the client's own fields, if there are some, and the rest. What is no object is all rest.
pub(crate) fn split(options: &Value) -> (Option<Value>, Cow<'_, Value>) {
    let Some(map) = options.as_object() else { return (None, Cow::Borrowed(options)) };
    if !map.keys().any(|name| CLIENT_OPTION_NAMES.contains(&name.as_str())) {
        return (None, Cow::Borrowed(options));
    }
    let fields = map.iter().map(|(name, value)| (name.clone(), value.clone()));
    let (own, rest): (Map<_, _>, Map<_, _>) =
        fields.partition(|(name, _)| CLIENT_OPTION_NAMES.contains(&name.as_str()));
    (Some(Value::Object(own)), Cow::Owned(Value::Object(rest)))
}

/// Reads what a single call may say differently out of a client's own fields: `requestTimeoutMs` and `readyTimeoutMs`,
/// whole milliseconds from 1 to a day, and `maxRetries`.
pub(crate) fn call_options(own: &Value) -> Result<CallOptions, ValidationError> {
    let fields = Fields::of("client options", own, &CLIENT_OPTION_NAMES)?;
    let limit = |name| Ok(fields.integer(name, 1, MAX_TIMEOUT_MS, "milliseconds")?.map(Duration::from_millis));
    let max_retries = fields.integer("maxRetries", 0, MOST_RETRIES, "repeats")?;
    Ok(CallOptions {
        request_timeout: limit("requestTimeoutMs")?,
        ready_timeout: limit("readyTimeoutMs")?,
        max_retries: max_retries.and_then(|most| most.try_into().ok()),
        ..CallOptions::default()
    })
}
