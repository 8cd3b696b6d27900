use axum::http::header::{AUTHORIZATION, CONNECTION, HOST, UPGRADE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use sandbar_protocol::{ACCESS_TOKEN_HEADER, API_KEY_HEADER, Secret};

use crate::http::auth;
use crate::http::origin::Origin;

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

/// Tells a program how it was reached; with `sandbox_id` by the engine's name, so that a part of the path belongs to that.
pub(super) fn set_forwarded(headers: &mut HeaderMap, path: &str, origin: &Origin, sandbox_id: Option<&str>) {
    let port = path.split('/').nth(2).unwrap_or_default();
    let of_engine = sandbox_id.map(|id| format!("/envd/{id}/proxy/{port}")).unwrap_or_default();
    let prefix = format!("{}{of_engine}", origin.prefix);
    for (name, value) in [
        (FORWARDED_HOST, origin.authority.as_str()),
        (FORWARDED_PROTO, origin.scheme.as_str()),
        (FORWARDED_PREFIX, &prefix),
    ] {
        headers.remove(&name);
        if let Some(value) = HeaderValue::from_str(value).ok().filter(|value| !value.is_empty()) {
            headers.insert(name, value);
        }
    }
}
