use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONNECTION, HOST, UPGRADE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use sandbar_protocol::{ACCESS_TOKEN_HEADER, API_KEY_HEADER, Secret};

use crate::http::auth;

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

/// Removes what holds for one connection only; a change of protocol is kept if it may be.
pub(super) fn remove_hop(headers: &mut HeaderMap, upgrades: bool) {
    let upgrade = upgrade(headers).filter(|_| upgrades);
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

/// Makes a request one to an agent. Credentials end here: code in a sandbox can imitate its agent.
pub(super) fn prepare(headers: &mut HeaderMap, upgrades: bool) {
    remove_hop(headers, upgrades);
    for name in [ACCESS_TOKEN_HEADER, API_KEY_HEADER] {
        headers.remove(name);
    }
    headers.insert(HOST, HeaderValue::from_static("sandbox"));
}

/// Removes the engine's key where clients may send it beside `X-API-Key`; another `Authorization` is the sandbox's affair.
pub(super) fn remove_key(headers: &mut HeaderMap, api_key: &Secret) {
    let bearer = auth::bearer(headers);
    if bearer.is_some_and(|token| auth::same(token, api_key.expose())) {
        headers.remove(AUTHORIZATION);
    }
}

/// Tells a program under which name it was asked, as what is in front of the engine tells it; with `sandbox_id` the name
/// is the engine's, and a part of the path belongs to it.
pub(super) fn tell_the_way(request: &mut Request, path: &str, origin: &str, sandbox_id: Option<&str>) {
    let authority = request.uri().authority().and_then(|authority| authority.as_str().parse().ok());
    let ours = || origin.split_once("://").and_then(|(_, host)| host.parse().ok());
    let headers = request.headers_mut();
    if !headers.contains_key(FORWARDED_HOST)
        && let Some(host) = authority.or_else(|| headers.get(HOST).cloned()).or_else(ours)
    {
        headers.insert(FORWARDED_HOST, host);
    }
    headers.entry(FORWARDED_PROTO).or_insert(HeaderValue::from_static("http"));
    let Some(id) = sandbox_id else { return };
    let port = path.split('/').nth(2).unwrap_or_default();
    let outer = headers.get(FORWARDED_PREFIX).and_then(|prefix| prefix.to_str().ok()).unwrap_or_default();
    if let Ok(prefix) = format!("{}/envd/{id}/proxy/{port}", outer.trim_end_matches('/')).parse() {
        headers.insert(FORWARDED_PREFIX, prefix);
    }
}
