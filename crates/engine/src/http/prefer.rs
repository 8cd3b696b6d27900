//! The header `Prefer` (RFC 7240): what a client would like, and can do without.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use sandbar_protocol::{PREFER_HEADER, WAIT_PREFERENCE};

use super::App;

/// How long the client would like its answer to be held: of `wait`, if it is there and not nonsense, which is ignored.
pub(super) struct PreferredWait(pub(super) Option<Duration>);

impl FromRequestParts<App> for PreferredWait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(wait(&parts.headers)))
    }
}

fn wait(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(PREFER_HEADER).iter().filter_map(|line| line.to_str().ok());
    // After a `;` come parameters, of which `wait` has none.
    let preferences = lines.flat_map(|line| line.split(',')).filter_map(|preference| preference.split(';').next());
    // Of two that contradict each other the first counts.
    let (_, seconds) = preferences
        .filter_map(|preference| preference.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(WAIT_PREFERENCE))?;
    let seconds = seconds.trim();
    let digits = seconds.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(seconds);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // One that is too large for a number is a long time as well.
    is_number.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(lines: &[&'static str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(PREFER_HEADER, HeaderValue::from_static(line));
        }
        wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_wait_is_found_among_other_preferences() {
        assert_eq!(of(&["wait=20"]), Some(20));
        assert_eq!(of(&["respond-async, WAIT = \"7\"; x=1 , wait=9"]), Some(7));
        assert_eq!(of(&["return=minimal", "wait=0"]), Some(0));
        assert_eq!(of(&["wait=99999999999999999999999"]), Some(u64::MAX));
    }

    #[test]
    fn what_is_no_wait_is_ignored() {
        for line in ["", "wait", "wait=", "wait=soon", "wait=-1", "wait=1.5", "wait=\"", "waiting=3", "x;wait=3"] {
            assert_eq!(of(&[line]), None, "{line:?}");
        }
        assert_eq!(of(&[]), None);
    }
}
