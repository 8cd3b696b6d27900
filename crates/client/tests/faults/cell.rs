//! One operation under one fault.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sandbar_client::{CallOptions, Client, ClientError, ClientOptions, Config, Environment, ErrorRecord};
use sandbar_faults::{Fault, Plan, Proxy, from_then_on, once};
use sandbar_protocol::{CreateOptions, Secret};

use crate::certificates::authority;
use crate::faults::{Happens, LONG, Row, status};
use crate::operations::{ENV_VALUE, Group, Operation};
use crate::secure::{Often, Secure, Wrong};
use crate::service::{Keys, Service, TOKEN};

/// The API key, which no error may show.
const KEY: &str = "key-that-must-not-show";
pub(crate) const SECRETS: [&str; 3] = [KEY, TOKEN, ENV_VALUE];
/// For how long nothing listens where that is to pass.
const REFUSAL: Duration = Duration::from_millis(5);
/// What a busy machine may add to a deadline.
const LATE: Duration = Duration::from_secs(60);
/// How long the client may clean up after that.
const MARGIN: Duration = Duration::from_secs(120);

/// Runs an operation under a fault; gives back how it ended, in the words of the table.
pub(crate) async fn outcome(row: &Row, often: Often, operation: Operation, keys: Keys) -> String {
    let name = format!("{operation:?}, keys {keys:?}, {often:?}: {}", row.name);
    let limit = row.limit.max(ready_timeout(row, often, operation));
    match tokio::time::timeout(limit + MARGIN, run(row, often, operation, keys)).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("it hangs: {name}"),
    }
}

async fn run(row: &Row, often: Often, operation: Operation, keys: Keys) -> String {
    let service = Service::new(keys);
    match &row.happens {
        Happens::Shown(certificate) => behind_tls(&service, Wrong::Shown(*certificate), often, operation, row).await,
        Happens::Ends(ending) => behind_tls(&service, Wrong::Ends(*ending), often, operation, row).await,
        _ => behind_proxy(&service, row, often, operation, keys).await,
    }
}

async fn behind_proxy(service: &Arc<Service>, row: &Row, often: Often, operation: Operation, keys: Keys) -> String {
    let happens = &row.happens;
    // The request before it: on its connection, or the one that tells whether keys are honoured.
    let primed = keys == Keys::Honoured || matches!(happens, Happens::ToNextRequest(_) | Happens::Before(_));
    let first = usize::from(primed);
    let upstream = Arc::clone(service).listen().await;
    let mut proxy = Proxy::start(upstream, plan(happens, often, first)).await.unwrap();
    let client = client(&proxy.url(), ready_timeout(row, often, operation), None);
    if primed {
        client.create(&CreateOptions::default(), CallOptions::new()).await.unwrap();
    }
    let is_refused = matches!(happens, Happens::Refused);
    let refusing = if is_refused { Some(proxy.refuse().await.unwrap()) } else { None };
    if is_refused || matches!(happens, Happens::Before(_)) {
        until_closed(proxy.address()).await;
    }
    let begun = Instant::now();
    let call = operation.run(&client, row.limit);
    let (result, refusing) = match refusing {
        Some(refusing) if often == Often::Once => {
            let relent = async {
                tokio::time::sleep(REFUSAL).await;
                proxy.listen(refusing).unwrap();
            };
            (tokio::join!(call, relent).0, None)
        }
        refusing => (call.await, refusing),
    };
    let most = row.limit.max(ready_timeout(row, often, operation)) + LATE;
    assert!(begun.elapsed() < most, "{operation:?} took {:?}: {}, {often:?}", begun.elapsed(), row.name);
    let tries = (!is_refused).then(|| proxy.requests() - first);
    let kept = first + usize::from(result.is_ok() && operation.creates());
    let words = in_words(result, tries);
    // All is well from here on: what the client knows it has left behind goes away.
    proxy.heal();
    if let Some(refusing) = refusing {
        proxy.listen(refusing).unwrap();
    }
    client.settled().await;
    let made = service.made();
    assert!(made <= 1 + first, "{operation:?} made {made} sandboxes: {}, {often:?}, keys {keys:?}", row.name);
    if keys == Keys::Honoured {
        assert_eq!(service.held(), kept, "{operation:?} left sandboxes: {}, {often:?}, {words}", row.name);
    }
    words
}

/// How long a wait may take: where the fault happens once, it outlasts it. A create or connect fails before it waits.
fn ready_timeout(row: &Row, often: Often, operation: Operation) -> Duration {
    match often {
        Often::Once => row.ready_limit_once,
        Often::Always if operation.group() == Group::Starts => LONG,
        Often::Always => row.ready_limit,
    }
}

fn plan(happens: &Happens, often: Often, first: usize) -> Plan {
    let (number, fault): (usize, Fault) = match happens {
        Happens::ToRequest(fault) | Happens::ToNextRequest(fault) => (first, fault()),
        Happens::Before(fault) => (first - 1, fault()),
        Happens::Status(code, retry_after) => (first, status(*code, *retry_after)),
        Happens::Refused | Happens::Shown(_) | Happens::Ends(_) => return sandbar_faults::nothing(),
    };
    match often {
        Often::Once => once(number, fault),
        Often::Always => from_then_on(number, fault),
    }
}

async fn behind_tls(service: &Arc<Service>, wrong: Wrong, often: Often, operation: Operation, row: &Row) -> String {
    let secure = Secure::listen(Arc::clone(service), wrong, often).await;
    let client =
        client(&format!("https://{}", secure.address), ready_timeout(row, often, operation), Some(authority()));
    let result = operation.run(&client, row.limit).await;
    // The service sees the tries that went well; with each fault that happens once, there was one before.
    let tries = 1 + service.requests();
    secure.healed.store(true, Ordering::SeqCst);
    client.settled().await;
    in_words(result, Some(tries))
}

fn client(base_url: &str, ready_timeout: Duration, ca: Option<String>) -> Client {
    let options = ClientOptions {
        base_url: Some(base_url.to_owned()),
        api_key: Some(Secret::new(KEY)),
        ready_timeout: Some(ready_timeout),
        ca,
        ..ClientOptions::default()
    };
    Client::new(Config::new(&options, &Environment::default()).unwrap())
}

/// Waits until the client has closed its connections to a server that has closed them: it knows of it then.
async fn until_closed(server: SocketAddr) {
    while has_connection_to(server) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Whether this process holds a connection to a port of this machine, by the table of the kernel.
fn has_connection_to(server: SocketAddr) -> bool {
    let remote = format!("0100007F:{:04X}", server.port());
    let is_held = |line: &str| {
        let mut columns = line.split_whitespace().skip(2);
        // Established, or closed by the server alone.
        columns.next() == Some(&remote) && matches!(columns.next(), Some("01" | "08"))
    };
    fs::read_to_string("/proc/self/net/tcp").unwrap().lines().any(is_held)
}

fn in_words(result: Result<(), ClientError>, tries: Option<usize>) -> String {
    let error = match result {
        Ok(()) => {
            return tries.map_or_else(|| "ok after retries".to_owned(), |tries| format!("ok ({})", counted(tries)));
        }
        Err(error) => error,
    };
    let record = ErrorRecord::from(&error);
    let shown = format!("{error}\n{error:?}\n{}", record.to_json());
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(!record.message.is_empty(), "{shown}");
    // How often a wait looks is a matter of its pauses.
    let attempts = error.call().map(|call| usize::try_from(call.attempts).unwrap());
    let words = match attempts {
        Some(attempts) => format!("{} ({})", record.kind, counted(attempts)),
        None => record.kind.to_owned(),
    };
    if record.outcome_unknown { format!("{words}, outcome unknown") } else { words }
}

fn counted(tries: usize) -> String {
    if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") }
}
