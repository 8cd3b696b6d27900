use axum::http::header::{CONNECTION, HOST, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::port::Port;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// What holds for one connection only; `Connection` may name more.
const OF_ONE_CONNECTION: [HeaderName; 8] = [
    CONNECTION,
    UPGRADE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("keep-alive"),
];

/// The protocol to which the message changes its connection.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = names_in_connection(headers).any(|name| name.eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| asked).cloned()
}

/// Removes what holds for one connection only; a change of protocol is kept.
pub(super) fn pass_on(headers: &mut HeaderMap) {
    let upgrade = upgrade(headers);
    let named: Vec<HeaderName> = names_in_connection(headers).filter_map(|name| name.parse().ok()).collect();
    for name in named.into_iter().chain(OF_ONE_CONNECTION) {
        headers.remove(name);
    }
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
}

fn names_in_connection(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|names| names.split(',')).map(str::trim)
}

/// Makes a request look as if its client were in the sandbox: servers for development answer no other host.
pub(super) fn prepare(headers: &mut HeaderMap, port: Port) {
    pass_on(headers);
    if !headers.contains_key(FORWARDED_HOST) {
        // Whoever came through an engine has these; this one came straight to the agent.
        if let Some(host) = headers.get(HOST).cloned() {
            headers.insert(FORWARDED_HOST, host);
        }
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
        insert(headers, FORWARDED_PREFIX, &format!("/proxy/{port}"));
    }
    if is_same_origin(headers) {
        insert(headers, ORIGIN, &format!("http://localhost:{port}"));
    }
    insert(headers, HOST, &format!("localhost:{port}"));
}

/// Whether the request comes from a page of the program itself: that has to stay so under the other name, and what comes
/// from another page has to stay foreign.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    host.is_some() && host == text(FORWARDED_HOST)
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
