use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;

use crate::problem::Problem;
use crate::server::MAX_BODY_BYTES;

/// Gathers from a stream until there are `enough` bytes; whether the stream has ended.
pub(super) async fn gather<E: std::fmt::Display>(
    stream: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    into: &mut Vec<u8>,
    enough: usize,
) -> Result<bool, Problem> {
    while into.len() < enough {
        match stream.next().await {
            Some(Ok(bytes)) => into.extend_from_slice(&bytes),
            Some(Err(error)) => {
                return Err(Problem::invalid(format!("the body broke off, and nothing of it is kept: {error}")));
            }
            None => return Ok(true),
        }
    }
    Ok(false)
}

/// A body as a whole.
pub(super) async fn whole(body: Body) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let ended = gather(&mut body.into_data_stream(), &mut bytes, MAX_BODY_BYTES + 1).await?;
    if !ended {
        return Err(Problem::invalid(format!(
            "the body has more than {MAX_BODY_BYTES} bytes: send the files one by one, as application/octet-stream"
        )));
    }
    Ok(bytes)
}

/// What a JSON body says.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if let Err(error) = std::str::from_utf8(body) {
        let place = error.valid_up_to();
        return Err(Problem::invalid(format!(
            "the body is no UTF-8 at byte {place}: send such content as base64 `data`"
        )));
    }
    // serde would take a list of the fields' values as well.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::invalid("the body is not what this route takes: it is a list, where an object is needed"));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::invalid(format!("the body is not what this route takes: {error}")))
}

/// Whether the content type is this one, whatever its parameters.
pub(super) fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(wanted))
}

/// Whether the body describes a file in JSON, and is not the content of the file that the query names.
pub(super) fn describes_file(request: &Request, path: Option<&str>) -> bool {
    path.is_none() && has_type(request.headers(), "application/json")
}
