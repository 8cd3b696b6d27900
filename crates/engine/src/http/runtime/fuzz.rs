use axum::http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use sandbar_protocol::Secret;

use super::parameters;
use super::preview;
use super::signature::{self, EXPIRATION, Operation, SIGNATURE};

const TOKEN: &str = "0123456789abcdef";

/// Whether a query is signed for a read, at the beginning of 1970.
pub fn is_signed(query: &str) -> bool {
    signature::check(query, Operation::Read, &Secret::new(TOKEN), Timestamp::UNIX_EPOCH).is_ok()
}

/// A query that is signed for a read.
pub fn signed_query(path: &str, username: &str, expiration: Option<i64>) -> String {
    let expiration = expiration.map(|end| end.to_string());
    let signature = signature::sign(path, Operation::Read, username, &Secret::new(TOKEN), expiration.as_deref());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("path", path).append_pair("username", username).append_pair(SIGNATURE, &signature);
    query.extend_pairs(expiration.map(|end| (EXPIRATION, end))).finish()
}

/// The query without what signs it.
pub fn without_signature(query: &str) -> String {
    parameters::without(query, &[SIGNATURE, EXPIRATION])
}

/// Whether the query has a parameter.
pub fn has(query: &str, name: &str) -> bool {
    parameters::has(query, name)
}

/// The port and the sandbox of a host name.
pub fn preview_host(host: &str) -> Option<(u16, String)> {
    preview::of_host(host)
}

/// Whether the preview's cookie is in a header, and what is left of it; none if this can be no header.
pub fn take_cookie(cookies: &[u8]) -> Option<(bool, Vec<u8>)> {
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, HeaderValue::from_bytes(cookies).ok()?);
    let found = preview::take_cookie(&mut headers, 3000, &Secret::new(TOKEN));
    Some((found, headers.get(header::COOKIE).map_or_else(Vec::new, |left| left.as_bytes().to_vec())))
}
