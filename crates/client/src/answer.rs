use std::fmt;

use hyper::header::{CONTENT_TYPE, HeaderMap};
use sandbar_protocol::Sandbox;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ClientError;
use crate::error::Call;

/// How much of a wrong body a message shows.
const EXCERPT_CHARS: usize = 80;

/// A successful answer: what was read out of it, and the text as it came.
#[derive(Clone)]
pub struct Answer<T> {
    /// What was read out of it.
    pub value: T,
    /// The JSON text as it came, with every field that this version does not know.
    pub text: String,
    /// The HTTP status.
    pub status: u16,
    /// The request's ID.
    pub request_id: String,
    /// Of create: whether an earlier call made the sandbox, under the same key, which the caller passed.
    pub replayed: bool,
}

/// One page of the list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The sandboxes.
    pub sandboxes: Answer<Vec<Sandbox>>,
    /// The token of the next page, if there is one.
    pub next_token: Option<String>,
    /// Whether there is a next page.
    pub has_next: bool,
}

/// A successful answer that is not read yet.
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) call: Call,
}

impl<T: fmt::Debug> fmt::Debug for Answer<T> {
    /// Leaves out the text: access tokens are in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, status, request_id, .. } = self;
        let mut out = f.debug_struct("Answer");
        out.field("value", value).field("status", status).field("request_id", request_id).finish_non_exhaustive()
    }
}

impl RawAnswer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Reads the body as one JSON object.
    pub(crate) fn object<T: DeserializeOwned>(self) -> Result<Answer<T>, ClientError> {
        self.read('{', "a JSON object")
    }

    /// Reads the body as a JSON array.
    pub(crate) fn array<T: DeserializeOwned>(self) -> Result<Answer<Vec<T>>, ClientError> {
        self.read('[', "a JSON array")
    }

    fn read<T: DeserializeOwned>(self, opening: char, expected: &str) -> Result<Answer<T>, ClientError> {
        let Self { status, headers, body, call } = self;
        let content_type = header(&headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        let invalid = |text: &str, problem: String| ClientError::InvalidAnswer {
            status,
            content_type: excerpt(content_type, EXCERPT_CHARS),
            excerpt: excerpt(&glimpse(text, content_type), EXCERPT_CHARS),
            problem,
            call: Box::new(call.clone()),
        };
        let text = match String::from_utf8(body) {
            Ok(text) => text,
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                return Err(invalid(&text, "a body that is not UTF-8".to_owned()));
            }
        };
        if !text.trim_start().starts_with(opening) {
            return Err(invalid(&text, format!("a body that is not {expected}")));
        }
        match serde_json::from_str(&text) {
            Ok(value) => Ok(Answer { value, text, status, request_id: call.request_id, replayed: false }),
            Err(error) => Err(invalid(&text, format!("a body that does not fit ({})", without_values(&error)))),
        }
    }
}

/// What may be shown of a wrong body: of JSON no values, as they may be access tokens that nobody knows yet, and nothing at
/// all of what may be a part of JSON.
fn glimpse(text: &str, content_type: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(map)) => map.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        Ok(Value::Array(values)) => format!("an array of {}", values.len()),
        _ if content_type.to_ascii_lowercase().contains("json") => String::new(),
        _ => text.split(['{', '"']).next().unwrap_or_default().to_owned(),
    }
}

/// What does not fit, and where, without the texts that the body has there.
pub(crate) fn without_values(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let parts = told.split('"').collect::<Vec<_>>();
    match parts.as_slice() {
        // A text may have quotation marks itself.
        [before, .., after] => format!("{before}\"…\"{after}"),
        _ => told,
    }
}

/// A header as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The beginning of a text, on one line.
pub(crate) fn excerpt(text: &str, max_chars: usize) -> String {
    let plain = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut start: String = plain.take(max_chars).collect();
    if text.trim().chars().nth(max_chars).is_some() {
        start.push('…');
    }
    start
}
