//! Errors out of answers that are no success.

use std::time::Duration;

use hyper::header::{DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use sandbar_protocol::DecodedError;
use serde_json::Value;
use url::Url;

use crate::answer::excerpt;
use crate::error::{ApiError, Call};
use crate::redaction::Redaction;

/// How much of a body that is not JSON an error keeps.
const KEPT_CHARS: usize = 2_000;

/// Reads an error out of an answer of any origin: the service's own, or a gateway's page.
pub(crate) fn api_error(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    redaction: &Redaction,
    mut call: Call,
) -> ApiError {
    // Of JSON, what the texts mean is redacted: escapes would hide a secret until they are read.
    let json = serde_json::from_slice(body).ok().map(|body| redaction.apply_to(body));
    let decoded = json.map(DecodedError::of).unwrap_or_default();
    if let Some(request_id) = decoded.request_id {
        call.request_id = request_id;
    }
    let text = || {
        let text = redaction.apply(&String::from_utf8_lossy(body));
        (!text.trim().is_empty()).then(|| Value::String(excerpt(&text, KEPT_CHARS)))
    };
    ApiError {
        status,
        code: decoded.code,
        message: decoded.message,
        details: decoded.details,
        body: decoded.body.or_else(text),
        retry_after: retry_after(headers),
        location: location(headers).map(|location| redaction.apply(&location)),
        call,
    }
}

/// `Retry-After`, in seconds or as a date. A date counts from the answer's own `Date`, as clocks differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = headers.get(DATE).and_then(http_date).unwrap_or_else(Timestamp::now);
    Some(http_date(headers.get(RETRY_AFTER)?)?.duration_since(now).try_into().unwrap_or_default())
}

fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(value.to_str().ok()?).ok()
}

/// A reference that leaves the scheme out may still name a user and password.
fn without_user(reference: &str) -> String {
    let Some(rest) = reference.strip_prefix("//") else { return reference.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("//{host}{path}")
}

/// Where a redirect points, without what may be secret in it.
fn location(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(LOCATION)?.to_str().ok()?;
    let bare = text.split(['?', '#']).next().unwrap_or_default();
    Some(match Url::parse(bare) {
        Ok(url) => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        Err(_) => without_user(bare),
    })
}
