//! The frames of a server stream: one byte of flags, four bytes of length (big-endian), JSON text.

use std::time::Duration;

use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::ClientError;
use crate::answer::without_values;
use crate::error::{ApiError, Call};
use crate::http::HttpAnswer;
use crate::redaction::Redaction;
use crate::transport::Opened;
use crate::unreachable::{causes_of, kind_of};

/// The frame says how the stream ended.
const END: u8 = 0x02;
const HEADER: usize = 5;
/// The largest message that is read, in bytes.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;

/// The messages of a server stream, as they come.
#[derive(Debug)]
pub(super) struct Frames {
    response: HttpAnswer,
    call: Call,
    redaction: Redaction,
    pending: Vec<u8>,
    ended: bool,
    /// How long it may be silent before it counts as lost.
    silence: Duration,
    /// By when its first message must be there.
    begins: Instant,
    has_begun: bool,
}

impl Frames {
    /// One that begins within this time.
    pub(super) fn of(opened: Opened, silence: Duration, begins_within: Duration) -> Self {
        let Opened { response, call, redaction } = opened;
        let begins = Instant::now() + begins_within;
        Self { response, call, redaction, pending: Vec::new(), ended: false, silence, begins, has_begun: false }
    }

    /// The next message; `None` at the end. A call that is dropped before it is done loses nothing.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ClientError> {
        while !self.ended {
            if let Some((flags, payload)) = self.take_frame()? {
                self.has_begun = true;
                if flags & END != 0 {
                    self.ended = true;
                    return self.end(&payload).map(|()| None);
                }
                return serde_json::from_slice(&payload)
                    .map(Some)
                    .map_err(|error| self.invalid(&without_values(&error)));
            }
            match self.chunk().await? {
                Some(bytes) => self.pending.extend_from_slice(&bytes),
                // A stream that just stops has lost its end.
                None => return Err(self.lost("the stream ended before it was done".to_owned())),
            }
        }
        Ok(None)
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        let lost_at = Instant::now() + self.silence;
        let lost_at = if self.has_begun { lost_at } else { lost_at.min(self.begins) };
        match tokio::time::timeout_at(lost_at, self.response.chunk()).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(self.transport(kind_of(&*error, false), causes_of(&*error))),
            Err(_) => {
                self.response.retire();
                Err(self.lost("there was no sign of life any more".to_owned()))
            }
        }
    }

    fn take_frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, ClientError> {
        let Some((header, rest)) = self.pending.split_first_chunk::<HEADER>() else { return Ok(None) };
        let [flags, length @ ..] = *header;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_MESSAGE {
            return Err(self.invalid(&format!("a message of {length} bytes")));
        }
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let frame = (flags, payload.to_vec());
        self.pending.drain(..HEADER + length);
        Ok(Some(frame))
    }

    /// How the stream ended: `{}`, or `{"error": {"code", "message"}}`.
    fn end(&self, payload: &[u8]) -> Result<(), ClientError> {
        let end = self.redaction.apply_to(serde_json::from_slice(payload).unwrap_or_default());
        let Some(error) = end.get("error").filter(|error| !error.is_null()) else { return Ok(()) };
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let code = text("code");
        Err(ClientError::Api(Box::new(ApiError {
            status: status_of(code.as_deref().unwrap_or_default()),
            code,
            message: text("message"),
            details: None,
            body: Some(end.clone()),
            retry_after: None,
            location: None,
            call: self.call.clone(),
        })))
    }

    pub(super) fn lost(&self, why: String) -> ClientError {
        self.transport(crate::TransportKind::Reset, vec![why])
    }

    fn transport(&self, kind: crate::TransportKind, causes: Vec<String>) -> ClientError {
        let origin = self.response.origin();
        ClientError::Transport { kind, origin, causes, call: Box::new(self.call.clone()) }
    }

    pub(super) fn invalid(&self, problem: &str) -> ClientError {
        ClientError::InvalidAnswer {
            status: self.response.status(),
            content_type: "application/connect+json".to_owned(),
            excerpt: String::new(),
            problem: format!("a stream that does not fit ({problem})"),
            call: Box::new(self.call.clone()),
        }
    }
}

/// The HTTP status that the Connect protocol gives a code.
fn status_of(code: &str) -> u16 {
    match code {
        "canceled" => 499,
        "invalid_argument" | "failed_precondition" | "out_of_range" => 400,
        "unauthenticated" => 401,
        "permission_denied" => 403,
        "not_found" => 404,
        "already_exists" | "aborted" => 409,
        "resource_exhausted" => 429,
        "unimplemented" => 501,
        "unavailable" => 503,
        "deadline_exceeded" => 504,
        _ => 500,
    }
}
