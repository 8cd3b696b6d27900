use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use super::frames::Decoder;
use crate::problem::Problem;

/// The one JSON text of a request, whatever its content type says.
pub(crate) struct Unary<T>(pub(crate) T);

/// The one request of a server stream: a JSON text, bare or in a frame.
pub(crate) struct StreamRequest<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Unary<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (headers, body) = read(request, state).await?;
        refuse_protobuf(&headers)?;
        parse(&body).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for StreamRequest<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (headers, body) = read(request, state).await?;
        refuse_protobuf(&headers)?;
        // No JSON text begins with a byte below a space that is no white space.
        if body.first().is_none_or(|first| *first > 3) {
            return parse(&body).map(Self);
        }
        let mut decoder = Decoder::default();
        decoder.push(&body);
        match decoder.next()? {
            Some(frame) => parse(&frame.payload).map(Self),
            None => Err(Problem::invalid("the frame is cut off: its length says more bytes than there are")),
        }
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<(HeaderMap, Bytes), Problem> {
    let headers = request.headers().clone();
    let body = Bytes::from_request(request, state).await;
    let body =
        body.map_err(|rejection| Problem::invalid(format!("the body can't be read: {}", rejection.body_text())))?;
    Ok((headers, body))
}

fn refuse_protobuf(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.to_ascii_lowercase().contains("proto") {
        return Err(Problem::unsupported(format!("{content_type} is not spoken here: send JSON")));
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    // An empty body is the empty message.
    let text = if text.is_empty() { b"{}" } else { text };
    // serde would take a list of the fields' values as well.
    if text.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::invalid("the body is not what this route takes: it is a list, where an object is needed"));
    }
    serde_json::from_slice(text)
        .map_err(|error| Problem::invalid(format!("the body is not what this route takes: {error}")))
}
