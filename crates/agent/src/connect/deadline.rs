use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::response::{CONTENT_TYPE, failed};
use crate::problem::Problem;

const CONNECT_TIMEOUT_MS: HeaderName = HeaderName::from_static("connect-timeout-ms");
/// What the protocol allows.
const MAX_DIGITS: usize = 10;

/// How long the client gives the call, as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimit(pub(crate) Duration);

/// A layer that ends calls when the client's time limit for them, `Connect-Timeout-Ms`, is over.
pub(crate) async fn keep_time_limit(mut request: Request, next: Next) -> Result<Response, Problem> {
    let Some(limit) = time_limit(request.headers())? else { return Ok(next.run(request).await) };
    let deadline = Instant::now() + limit;
    request.extensions_mut().insert(TimeLimit(limit));
    let exceeded = Problem::deadline_exceeded(format!("the call took longer than its {} ms", limit.as_millis()));
    let Ok(response) = timeout_at(deadline, next.run(request)).await else {
        return Ok(exceeded.into_response());
    };
    let is_stream = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == CONTENT_TYPE);
    Ok(if is_stream { response.map(|body| end_at(deadline, body, exceeded)) } else { response })
}

fn time_limit(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get(CONNECT_TIMEOUT_MS) else { return Ok(None) };
    let digits = value.to_str().unwrap_or_default();
    let is_number = (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(millis) if is_number => Ok(Some(Duration::from_millis(millis)).filter(|limit| !limit.is_zero())),
        _ => Err(Problem::invalid("`Connect-Timeout-Ms` must be a number of milliseconds of at most 10 digits")),
    }
}

/// A stream of frames, each of them one piece, that fails at the deadline unless it has ended.
fn end_at(deadline: Instant, body: Body, exceeded: Problem) -> Body {
    let frames = stream::unfold(Some((body.into_data_stream(), exceeded)), move |state| async move {
        let (mut frames, exceeded) = state?;
        tokio::select! {
            biased;
            frame = frames.next() => Some((frame?, Some((frames, exceeded)))),
            () = sleep_until(deadline) => Some((Ok(Bytes::from(failed(&exceeded))), None)),
        }
    });
    Body::from_stream(frames)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn millis(value: &'static str) -> Option<Option<u128>> {
        let headers = HeaderMap::from_iter([(CONNECT_TIMEOUT_MS, HeaderValue::from_static(value))]);
        time_limit(&headers).ok().map(|limit| limit.map(|limit| limit.as_millis()))
    }

    #[test]
    fn time_limit_has_at_most_ten_digits() {
        assert_eq!(millis("1500"), Some(Some(1500)));
        assert_eq!(millis("9999999999"), Some(Some(9_999_999_999)));
        assert_eq!(millis("0"), Some(None), "none, as in the field `timeoutMs`");
        for value in ["", "-1", "+1", "1.5", "1s", "12345678901"] {
            assert_eq!(millis(value), None, "{value:?}");
        }
    }
}
