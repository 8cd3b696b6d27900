use hyper::Method;
use hyper::header::{HeaderValue, RANGE};
use sandbar_protocol::ValidationError;

use super::arguments::ReadCall;
use crate::runtime::body_reader::{BodyReader, Patience};
use crate::runtime::call::RuntimeRequest;
use crate::transport::Opened;
use crate::{CallOptions, ClientError, Runtime};

/// The longest text that is read as a whole: strings of JavaScript hold little more.
const MAX_TEXT: u64 = 256 * 1024 * 1024;

impl Runtime {
    /// Opens a file for reading. The request timeout counts for the answer, and then for each wait for more bytes.
    ///
    /// # Errors
    /// As every call; 404 if there is no such file, 400 if it is a directory.
    ///
    /// Route: `GET {envdUrl}/files`.
    pub async fn open_file(&self, read: &ReadCall, call: &CallOptions) -> Result<BodyReader, ClientError> {
        let mut request = RuntimeRequest::get("/files").query("path", &read.path);
        if read.length == Some(0) {
            return self.nothing_of(read, call).await;
        }
        let range = range_of(read);
        let is_part = range.is_some();
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        let outcome = self.open(request, call).await;
        let opened = match outcome {
            // There is nothing there to read, and nothing is what a file has to give after its end.
            Err(ClientError::Api(error)) if error.status == 416 => return self.nothing_of(read, call).await,
            outcome => outcome?,
        };
        let reader = self.reader(opened, call);
        // A runtime that does not know ranges would give other bytes than those that were asked for.
        if is_part && reader.response.status() != 206 {
            return Err(reader.invalid("the whole file, where a part of it was asked for".to_owned()));
        }
        Ok(reader)
    }

    /// An empty reader of a file that is there.
    async fn nothing_of(&self, read: &ReadCall, call: &CallOptions) -> Result<BodyReader, ClientError> {
        let request = RuntimeRequest::new(Method::HEAD, "/files").query("path", &read.path);
        Ok(self.reader(self.open(request, call).await?, call).without_bytes())
    }

    fn reader(&self, opened: Opened, call: &CallOptions) -> BodyReader {
        BodyReader::of(opened, self, Patience::Limited(self.client.limits(call).timeout), call)
    }

    /// Reads a file, or a part of it, as a whole. A request timeout that is given to the call counts for all of it.
    ///
    /// # Errors
    /// As [`Runtime::open_file`].
    ///
    /// Route: `GET {envdUrl}/files?path=`.
    pub async fn read_file(&self, read: &ReadCall, call: &CallOptions) -> Result<Vec<u8>, ClientError> {
        self.open_file(read, &call.as_a_whole()).await?.read_all().await
    }

    /// Reads a file as text, which must be UTF-8.
    ///
    /// # Errors
    /// As [`Runtime::open_file`]; [`ClientError::Validation`] if it is not UTF-8, or too large for a text.
    ///
    /// Route: `GET {envdUrl}/files?path=`.
    pub async fn read_text(&self, read: &ReadCall, call: &CallOptions) -> Result<String, ClientError> {
        let too_large = |size: u64| {
            let (path, most) = (&read.path, MAX_TEXT / 1024 / 1024);
            let message =
                format!("{path} has {size} bytes, and a text at most {most} MiB: read it with `format: \"stream\"`");
            ValidationError::new("format", message)
        };
        let reader = self.open_file(read, &call.as_a_whole()).await?;
        if let Some(size) = reader.left().filter(|size| *size > MAX_TEXT) {
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

/// The header of a part; none for the whole.
fn range_of(read: &ReadCall) -> Option<HeaderValue> {
    let text = match (read.offset, read.length) {
        (0, None) => return None,
        (offset, None) => format!("bytes={offset}-"),
        (offset, Some(length)) => format!("bytes={offset}-{}", offset.saturating_add(length).saturating_sub(1)),
    };
    HeaderValue::from_str(&text).ok()
}
