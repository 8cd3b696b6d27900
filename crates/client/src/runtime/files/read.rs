use std::time::Duration;

use futures_util::FutureExt;
use reqwest::header::{HeaderValue, RANGE};
use sandbar_protocol::ValidationError;

use super::arguments::ReadCall;
use crate::error::Call;
use crate::runtime::call::RuntimeRequest;
use crate::transport::Opened;
use crate::unreachable::{causes_of, kind_of};
use crate::{CallOptions, ClientError, Runtime, TransportKind};

/// What is there already is handed over in pieces of about this size.
const PIECE: usize = 256 * 1024;
/// The longest text that is read as a whole: strings of JavaScript hold little more.
const MAX_TEXT: u64 = 256 * 1024 * 1024;

/// The bytes of a file, as they are asked for: nothing is taken from the connection in between.
#[derive(Debug)]
pub struct FileReader {
    response: reqwest::Response,
    call: Call,
    /// How long the next bytes may take.
    patience: Duration,
    /// What must still come, where that is known.
    left: Option<u64>,
}

impl Runtime {
    /// Opens a file for reading. The request timeout counts for the answer, and then for each wait for more bytes.
    ///
    /// # Errors
    /// As every call; 404 if there is no such file, 400 if it is a directory.
    ///
    /// Route: `GET {envdUrl}/files`.
    pub async fn open_file(&self, read: &ReadCall, call: &CallOptions) -> Result<FileReader, ClientError> {
        let mut request = RuntimeRequest::get("/files").query("path", &read.path);
        if read.length == Some(0) {
            return self.nothing_of(read, call).await;
        }
        let patience = self.client.limits(call).timeout;
        let range = range_of(read);
        let is_part = range.is_some();
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        let outcome = self.open(request, call).await;
        let Opened { response, call } = match outcome {
            // There is nothing there to read, and nothing is what a file has to give after its end.
            Err(ClientError::Api(error)) if error.status == 416 => return self.nothing_of(read, call).await,
            outcome => outcome?,
        };
        // A runtime that does not know ranges would give other bytes than those that were asked for.
        if is_part && response.status().as_u16() != 206 {
            let problem = "the whole file, where a part of it was asked for".to_owned();
            return Err(invalid(&response, &call, problem));
        }
        let left = response.content_length();
        Ok(FileReader { response, call, patience, left })
    }

    /// An empty reader of a file that is there.
    async fn nothing_of(&self, read: &ReadCall, call: &CallOptions) -> Result<FileReader, ClientError> {
        let patience = self.client.limits(call).timeout;
        let request = RuntimeRequest::new(reqwest::Method::HEAD, "/files").query("path", &read.path);
        let Opened { response, call } = self.open(request, call).await?;
        Ok(FileReader { response, call, patience, left: Some(0) })
    }

    /// Reads a file, or a part of it, as a whole.
    ///
    /// # Errors
    /// As [`Runtime::open_file`].
    pub async fn read_file(&self, read: &ReadCall, call: &CallOptions) -> Result<Vec<u8>, ClientError> {
        self.open_file(read, call).await?.read_all().await
    }

    /// Reads a file as text, which must be UTF-8.
    ///
    /// # Errors
    /// As [`Runtime::open_file`]; [`ClientError::Validation`] if it is not UTF-8, or too large for a text.
    pub async fn read_text(&self, read: &ReadCall, call: &CallOptions) -> Result<String, ClientError> {
        let too_large = |size: u64| {
            let (path, most) = (&read.path, MAX_TEXT / 1024 / 1024);
            let message =
                format!("{path} has {size} bytes, and a text at most {most} MiB: read it with `format: \"stream\"`");
            ValidationError::new("format", message)
        };
        let reader = self.open_file(read, call).await?;
        if let Some(size) = reader.left.filter(|size| *size > MAX_TEXT) {
            return Err(too_large(size).into());
        }
        let bytes = reader.read_all().await?;
        String::from_utf8(bytes).map_err(|error| {
            let (path, at) = (&read.path, error.utf8_error().valid_up_to() as u64 + read.offset);
            let message = format!("{path} is not UTF-8 text (at byte {at}): read it with `format: \"bytes\"`");
            ValidationError::new("format", message).into()
        })
    }
}

impl FileReader {
    /// How many bytes are still to come, if the runtime has told.
    pub fn left(&self) -> Option<u64> {
        self.left
    }

    /// The next bytes; `None` at the end. A call that is dropped before it is done loses nothing.
    ///
    /// # Errors
    /// [`ClientError::Transport`] if the connection is lost, [`ClientError::RequestTimeout`] if nothing comes.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let chunk = async {
            loop {
                match self.response.chunk().await {
                    Ok(Some(bytes)) if bytes.is_empty() => (),
                    outcome => return outcome,
                }
            }
        };
        let first = match tokio::time::timeout(self.patience, chunk).await {
            Ok(chunk) => chunk.map_err(|error| self.lost(error))?,
            Err(_) => {
                let causes = vec!["no more of the file came".to_owned()];
                return Err(ClientError::RequestTimeout {
                    limit: self.patience,
                    causes,
                    call: Box::new(self.call.clone()),
                });
            }
        };
        let Some(first) = first else { return self.end() };
        let mut piece = Vec::with_capacity(PIECE.max(first.len()));
        piece.extend_from_slice(&first);
        // What is there already comes along: every hand-over costs.
        while piece.len() < PIECE {
            match self.response.chunk().now_or_never() {
                Some(Ok(Some(more))) => piece.extend_from_slice(&more),
                // An error comes again with the next call.
                _ => break,
            }
        }
        self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
        Ok(Some(piece))
    }

    async fn read_all(mut self) -> Result<Vec<u8>, ClientError> {
        // What is told of the size is not trusted beyond a little.
        let expected = self.left.unwrap_or_default().min(MAX_TEXT);
        let mut all = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    fn end(&self) -> Result<Option<Vec<u8>>, ClientError> {
        match self.left {
            None | Some(0) => Ok(None),
            Some(left) => Err(invalid(&self.response, &self.call, format!("a file that ended {left} bytes early"))),
        }
    }

    fn lost(&self, error: reqwest::Error) -> ClientError {
        let error = error.without_url();
        let origin = self.response.url().origin().ascii_serialization();
        let kind = match kind_of(&error, false) {
            TransportKind::Other => TransportKind::Reset,
            kind => kind,
        };
        ClientError::Transport { kind, origin, causes: causes_of(&error), call: Box::new(self.call.clone()) }
    }
}

fn invalid(response: &reqwest::Response, call: &Call, problem: String) -> ClientError {
    ClientError::InvalidAnswer {
        status: response.status().as_u16(),
        content_type: "application/octet-stream".to_owned(),
        excerpt: String::new(),
        problem,
        call: Box::new(call.clone()),
    }
}

/// The header of a part; none for the whole.
fn range_of(read: &ReadCall) -> Option<HeaderValue> {
    let text = match (read.offset, read.length) {
        (0, None) => return None,
        (offset, None) => format!("bytes={offset}-"),
        (offset, Some(length)) => format!("bytes={offset}-{}", offset.saturating_add(length).saturating_sub(1)),
    };
    HeaderValue::from_str(&text).ok()
}
