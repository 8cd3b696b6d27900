//! The service that programs of this shell would reach.

use std::time::{Duration, Instant};

use sandbar_client::{CallOptions, Client, ClientError, Config, Environment, TransportKind};
use sandbar_protocol::ListQuery;

use super::finding::{Finding, comment};
use super::health;
use crate::exit::CliError;
use crate::global::GlobalArgs;
use crate::{connection, problem};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(10);
/// Above this, every call is felt.
const SLOW: Duration = Duration::from_millis(500);

const VARIABLES: &str = "variables";
const REACHABLE: &str = "reachable";
const KEY: &str = "API key";

/// What was found, and a client if it can be used.
pub(super) struct Service {
    pub(super) findings: Vec<Finding>,
    pub(super) client: Option<Client>,
}

/// Looks at variables, and at the service that commands would call.
pub(super) async fn look(global: &GlobalArgs) -> Service {
    let set: Vec<&str> =
        variables().filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())).collect();
    let told = if set.is_empty() { "none is set".to_owned() } else { format!("set: {}", set.join(", ")) };
    match connection::config(global) {
        Err(CliError::NoServer) => {
            let message = format!("{told}; programs find a service by `sandbar dev -- node app.js`");
            Service { findings: vec![Finding::ok(VARIABLES, message)], client: None }
        }
        Err(error) => {
            let fix = "export SEACLOUD_BASE_URL=http://127.0.0.1:7410  # or the service's\n".to_owned() + READ_KEY;
            Service { findings: vec![Finding::problem(VARIABLES, problem::message(&error), fix)], client: None }
        }
        Ok(config) => {
            let (client, seen) = reach(config).await;
            let findings = [Finding::ok(VARIABLES, told)].into_iter().chain(seen).collect();
            Service { findings, client }
        }
    }
}

/// Takes a key in without leaving it in the shell's history.
const READ_KEY: &str =
    "read -rs SEACLOUD_API_KEY && export SEACLOUD_API_KEY  # paste the key; `sandbar serve` prints its own";

fn variables() -> impl Iterator<Item = &'static str> {
    let names = Environment::SERVICE_NAMES.into_iter().chain(Environment::FALLBACK_NAMES);
    names.chain(Environment::SETUP_NAMES).filter(|name| *name != "REQUEST_METHOD")
}

/// Calls the service; gives back a client if it can be used.
async fn reach(config: Config) -> (Option<Client>, Vec<Finding>) {
    let (origin, is_direct) = (config.endpoint.base_url.origin(), config.endpoint.proxy().is_none());
    let mut hasty = config.clone();
    hasty.endpoint.connect_timeout = CONNECT_LIMIT;
    (hasty.request_timeout, hasty.max_retries) = (LIMIT, 0);
    let client = Client::new(hasty);
    let begun = Instant::now();
    if let Err(error) = ask(&client).await {
        return (None, refused(&origin, error));
    }
    let (connected, begun) = (begun.elapsed(), Instant::now());
    // Over the connection that is there now.
    let trip = ask(&client).await.is_ok().then(|| begun.elapsed());
    let is_secure = origin.starts_with("https://");
    let (tls, proxy) = (if is_secure { " over TLS" } else { "" }, if is_direct { "" } else { " through a proxy" });
    let mut findings = vec![
        Finding::ok(REACHABLE, format!("{origin} answers{tls}{proxy}")),
        Finding::ok(KEY, "accepted"),
        round_trip(connected, trip),
    ];
    if is_direct && !is_secure {
        findings.extend(health::of(&origin).await.map(|health| version(&health)));
    }
    (Some(Client::new(config)), findings)
}

async fn ask(client: &Client) -> Result<(), ClientError> {
    let query = ListQuery { limit: Some(1), ..ListQuery::default() };
    client.list(&query, CallOptions::default()).await.map(drop)
}

fn round_trip(connected: Duration, trip: Option<Duration>) -> Finding {
    const CHECK: &str = "round trip";
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let trip = trip.unwrap_or(connected);
    let message = format!("{:.1} ms for a list, {:.1} ms with the connection", ms(trip), ms(connected));
    if trip < SLOW {
        return Finding::ok(CHECK, message);
    }
    Finding::warning(CHECK, message, comment("use a service that is nearer, or look at the network in between"))
}

fn version(health: &health::Health) -> Finding {
    const CHECK: &str = "version";
    let own = env!("CARGO_PKG_VERSION");
    if health.status != "ok" {
        let reasons = health.reasons.iter().map(|reason| format!(": {reason}")).collect::<String>();
        let message = format!("the engine is {}{reasons}", health.status);
        let fix = "curl -H \"X-API-Key: $SEACLOUD_API_KEY\" \"$SEACLOUD_BASE_URL/api/v1/observability/summary\"";
        return Finding::warning("health", message, fix);
    }
    if health.version == own {
        return Finding::ok(CHECK, format!("the engine and this command are {own}"));
    }
    let message = format!("the engine is {}, and this command {own}", health.version);
    Finding::warning(CHECK, message, "npm install sandbar @sandbar/local  # then start the engine anew")
}

/// Why the service could not be used.
fn refused(origin: &str, error: ClientError) -> Vec<Finding> {
    let fix = way_there(origin, &error);
    let is_key = matches!(&error, ClientError::Api(api) if matches!(api.status, 401 | 403));
    let message = problem::message(&error.into());
    if is_key {
        let reached = Finding::ok(REACHABLE, format!("{origin} answers"));
        return vec![reached, Finding::problem(KEY, message, READ_KEY)];
    }
    vec![Finding::problem(REACHABLE, message, fix)]
}

fn way_there(origin: &str, error: &ClientError) -> String {
    let other = "export SEACLOUD_BASE_URL=http://127.0.0.1:7410  # where `sandbar serve` listens; or the service's";
    match error {
        ClientError::Transport { kind: TransportKind::Refused, .. } => format!("sandbar serve\n{other}"),
        ClientError::Transport { kind: TransportKind::Tls, .. } => {
            "export NODE_EXTRA_CA_CERTS=/path/to/authority.pem  # if its authority is a private one".to_owned()
        }
        ClientError::Transport { kind: TransportKind::Proxy, .. } => {
            let host = origin.split("://").nth(1).unwrap_or(origin);
            format!("export NO_PROXY=\"$NO_PROXY,{host}\"  # if no proxy is needed")
        }
        ClientError::Api(api) if api.status >= 500 => comment("the service has a failure of its own: try again later"),
        _ => other.to_owned(),
    }
}
