use std::time::Duration;

use hyper::header::HeaderValue;
use sandbar_protocol::Secret;

use crate::environment::{Given, Service};
use crate::{
    BaseUrl, ClientError, ClientOptions, DEFAULT_MAX_RETRIES, Environment, Headers, LocalEngine, Proxies, Silence, tls,
};

/// How long a connection may take to come about unless said otherwise.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one call's request may take, its repeats included, unless said otherwise.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait until a sandbox is ready unless said otherwise.
pub const DEFAULT_READY_TIMEOUT: Duration = Duration::from_secs(120);

const WAYS: &str = "set SEACLOUD_BASE_URL and SEACLOUD_API_KEY, or pass `baseUrl` and `apiKey`; \
                    `sandbar dev -- node app.js` runs your app with a local service and sets both";

/// A checked configuration: where requests go, as whom, and how long they may take.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where requests go, and as whom.
    pub endpoint: Endpoint,
    /// Extra headers of every request.
    pub headers: Headers,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long to wait until a sandbox is ready.
    pub ready_timeout: Duration,
    /// How often a request may be repeated.
    pub max_retries: u32,
    /// How a peer is noticed that says nothing any more.
    pub silence: Silence,
}

/// Where requests go, and as whom. Clients with equal endpoints share their connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where the API begins.
    pub base_url: BaseUrl,
    /// The key.
    pub api_key: Secret,
    /// The project that requests are routed to.
    pub project_id: Option<String>,
    /// The proxies on the way to it, and to the sandboxes.
    pub proxies: Proxies,
    /// The only certificate authorities to trust, as PEM text; `None` means the system's.
    pub ca: Option<String>,
    /// How long a connection may take to come about, TLS included.
    pub connect_timeout: Duration,
    /// The path of a PEM file with authorities to trust beside the system's; read at the first request over TLS.
    pub extra_ca: Option<String>,
}

impl Endpoint {
    /// The URL of the proxy on the way to the service, if there is one.
    pub fn proxy(&self) -> Option<Secret> {
        self.proxies.before(self.base_url.url()).ok().flatten()
    }
}

impl Config {
    /// Checks options, and takes from the environment what they leave out.
    ///
    /// A key is never sent to a host that it was not given for:
    /// - The environment's key and project go with the environment's base URL. Where the `baseUrl` option names another
    ///   origin (scheme, host, port), they are not used, and `apiKey` must be an option as well.
    /// - A `SEACLOUD_API_KEY` without `SEACLOUD_BASE_URL` was given for whatever host the app names.
    /// - `E2B_DOMAIN` and `E2B_API_KEY` count only together, only where no `SEACLOUD_` variable is set, and only where
    ///   neither `baseUrl` nor `apiKey` is an option.
    ///
    /// # Errors
    /// [`ClientError::Configuration`], which names the setting and where it came from, and never the key's value.
    pub fn new(options: &ClientOptions, environment: &Environment) -> Result<Self, ClientError> {
        let mut service = environment.service();
        if service.only_as_pair && (options.base_url.is_some() || options.api_key.is_some()) {
            service = Service::default();
        }
        let base_url = base_url(options, &service)?;
        let endpoint = Endpoint {
            api_key: api_key(options, &service, &base_url)?,
            project_id: project_id(options, &service, &base_url)?,
            proxies: proxies(options, environment, &base_url)?,
            extra_ca: environment.extra_ca().filter(|_| options.ca.is_none()),
            ca: ca(options)?,
            connect_timeout: options.connect_timeout.unwrap_or(DEFAULT_CONNECT_TIMEOUT),
            base_url,
        };
        Ok(Self {
            endpoint,
            headers: Headers::new(&options.headers)?,
            request_timeout: options.request_timeout.unwrap_or(DEFAULT_REQUEST_TIMEOUT),
            ready_timeout: options.ready_timeout.unwrap_or(DEFAULT_READY_TIMEOUT),
            max_retries: options.max_retries.unwrap_or(DEFAULT_MAX_RETRIES),
            silence: Silence::default(),
        })
    }

    /// The configuration that this process's environment alone gives.
    ///
    /// # Errors
    /// [`ClientError::Configuration`], as [`Config::new`].
    pub fn from_env() -> Result<Self, ClientError> {
        Self::new(&ClientOptions::default(), &Environment::of_process())
    }
}

fn base_url(options: &ClientOptions, service: &Service) -> Result<BaseUrl, ClientError> {
    let option = options.base_url.clone().map(|value| Given { value, source: "`baseUrl`" });
    match option.as_ref().or(service.base_url.as_ref()) {
        Some(given) => BaseUrl::parse(given),
        None => Err(missing("baseUrl", "there is no base URL", service)),
    }
}

/// The error for half a configuration, with every way to complete it.
fn missing(setting: &'static str, what: &str, service: &Service) -> ClientError {
    let engine = LocalEngine::find().map(|engine| {
        format!("; an engine runs on this machine at {}: `eval \"$(sandbar env)\"` in your shell sets both", engine.url)
    });
    let message = format!("{what}{}: {WAYS}{}", service.remark, engine.unwrap_or_default());
    ClientError::configuration(setting, message)
}

fn api_key(options: &ClientOptions, service: &Service, base_url: &BaseUrl) -> Result<Secret, ClientError> {
    let option = options.api_key.as_ref().map(|key| Given { value: key.expose().to_owned(), source: "`apiKey`" });
    let given = match (option, service.api_key.clone()) {
        (Some(given), _) => given,
        (None, None) => return Err(missing("apiKey", "there is no API key", service)),
        (None, Some(given)) if !applies(service, base_url) => {
            let message = format!(
                "{} was given for another host than `baseUrl` ({}), and is not sent there: pass `apiKey` as well",
                given.source,
                base_url.origin()
            );
            return Err(ClientError::configuration("apiKey", message));
        }
        (None, Some(given)) => given,
    };
    header_text("apiKey", &given).map(Secret::new)
}

fn project_id(options: &ClientOptions, service: &Service, base_url: &BaseUrl) -> Result<Option<String>, ClientError> {
    let option = options.project_id.clone().map(|value| Given { value, source: "`projectId`" });
    let given = option.or_else(|| service.project_id.clone().filter(|_| applies(service, base_url)));
    given.map(|given| header_text("projectId", &given)).transpose()
}

/// Whether the environment's key and project were given for this base URL.
fn applies(service: &Service, base_url: &BaseUrl) -> bool {
    match &service.base_url {
        None => true,
        Some(given) => BaseUrl::parse(given).is_ok_and(|own| own.origin() == base_url.origin()),
    }
}

/// A text that can stand in a header. What is wrong with it is said without repeating it.
fn header_text(setting: &'static str, given: &Given) -> Result<String, ClientError> {
    let Given { value, source } = given;
    let refuse = |why: &str| Err(ClientError::configuration(setting, format!("{source} {why}")));
    if value.is_empty() {
        return refuse("is empty: leave it out, or pass the value");
    }
    if value.trim() != value {
        return refuse("begins or ends with white space: trim it");
    }
    if HeaderValue::from_str(value).is_err() || !value.is_ascii() {
        return refuse("holds characters that an HTTP header can't carry: was it copied whole, and nothing else?");
    }
    Ok(value.clone())
}

/// A variable that is wrong is refused here if it counts for the service.
fn proxies(options: &ClientOptions, environment: &Environment, base_url: &BaseUrl) -> Result<Proxies, ClientError> {
    let proxies = Proxies::new(options.proxy.as_ref(), environment)?;
    proxies.before(base_url.url())?;
    Ok(proxies)
}

fn ca(options: &ClientOptions) -> Result<Option<String>, ClientError> {
    let Some(pem) = &options.ca else { return Ok(None) };
    match tls::roots_of(pem) {
        Ok(_) => Ok(Some(pem.clone())),
        Err(why) => {
            let message = format!("`ca` {why}: pass the certificates themselves as PEM text, not a file's path");
            Err(ClientError::configuration("ca", message))
        }
    }
}
