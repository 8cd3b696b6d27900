//! HTTP to programs that run in a sandbox, through its runtime.

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use sandbar_protocol::{Fields, ValidationError};
use serde_json::Value;

use super::Runtime;
use super::body_reader::BodyReader;
use super::call::RuntimeRequest;
use super::ports::check_port;
use crate::client::LONGEST_TIMEOUT;
use crate::{Args, CallOptions, ClientError};

/// What a program never gets from its caller: they are about the way to it.
const OF_THE_WAY: [&str; 8] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
    sandbar_protocol::ACCESS_TOKEN_HEADER,
];

/// A request to a program.
#[derive(Clone, Debug)]
pub struct ProgramCall {
    port: u16,
    /// Begins with a slash; with the query.
    path: String,
    method: Method,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

/// What a program answered, whatever its status.
#[derive(Debug)]
pub struct ProgramAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body, as it is asked for.
    pub body: BodyReader,
}

impl ProgramCall {
    pub(super) fn get(port: u16, path: &str) -> Self {
        Self { port, path: path.to_owned(), method: Method::GET, headers: Vec::new(), body: Vec::new() }
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }
}

impl Runtime {
    /// Sends a request to a program that listens on a port of the sandbox. Any answer of it is one, and redirects are not
    /// followed. Without a request timeout of the call, the body may be silent for as long as it likes.
    ///
    /// # Errors
    /// As every call. Where nothing listens, the answer is a 502 that says so.
    ///
    /// Route: `{envdUrl}/proxy/{port}/{path}`.
    pub async fn program(&self, program: ProgramCall, call: &CallOptions) -> Result<ProgramAnswer, ClientError> {
        // Its own 401 could not be told from that of the runtime.
        self.make_sure(call).await?;
        let ProgramCall { port, path, method, headers, body } = program;
        let is_safe = method.is_safe();
        let is_head = method == Method::HEAD;
        let mut request = RuntimeRequest::new(method, format!("/proxy/{port}{path}")).whatever_comes();
        if !is_safe {
            request = request.not_twice();
        }
        if !body.is_empty() {
            request = request.bytes(body);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let patience = call.request_timeout.unwrap_or(LONGEST_TIMEOUT);
        let reader = BodyReader::of(self.open(request, call).await?, patience);
        let response = &reader.response;
        let status = response.status();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let body = if is_head { reader.without_bytes() } else { reader };
        Ok(ProgramAnswer { status, headers, body })
    }

    /// Where a port of the sandbox is reached, as far as is known without asking: `{envdUrl}/proxy/{port}/`.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`] if it is not known where the runtime is.
    pub fn host(&self, port: u16) -> Result<String, ClientError> {
        let place = self.access.get().ok_or_else(|| self.not_running())?;
        Ok(place.join(&format!("/proxy/{port}/")).into())
    }
}

impl Args {
    /// Arguments of proxy: `port`, `path`, `method`, `headers` (pairs), and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn program(&self) -> Result<(ProgramCall, CallOptions), ValidationError> {
        let port = check_port(self.get("port"))?;
        let path = match self.get("path") {
            None => "/".to_owned(),
            Some(Value::String(path)) => path_within(path)?,
            Some(_) => return Err(ValidationError::new("path", "`path` must be a string, as \"/health\"")),
        };
        let method = match self.get("method").and_then(Value::as_str).map(|name| name.parse::<Method>()) {
            None => Method::GET,
            Some(Ok(method)) if method != Method::CONNECT => method,
            Some(_) => return Err(ValidationError::new("method", "`method` must be an HTTP method, as \"POST\"")),
        };
        let pairs = self.get("headers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let headers = pairs.iter().map(header).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let (options, call) = self.options()?;
        Fields::of("proxy options", &options, &[])?;
        Ok((ProgramCall { port, path, method, headers, body: Vec::new() }, call))
    }
}

/// A header as a pair; none of those that a program does not get.
fn header(pair: &Value) -> Result<Option<(HeaderName, HeaderValue)>, ValidationError> {
    let text = |index: usize| pair.get(index).and_then(Value::as_str).unwrap_or_default();
    let name: HeaderName = text(0)
        .parse()
        .map_err(|_| ValidationError::new("headers", format!("{:?} can't be the name of a header", text(0))))?;
    if OF_THE_WAY.contains(&name.as_str()) {
        return Ok(None);
    }
    let value = HeaderValue::from_str(text(1)).map_err(|_| {
        ValidationError::new(
            "headers",
            format!("the value of the header `{name}` has characters that no header may have"),
        )
    })?;
    Ok(Some((name, value)))
}

/// A path of a program, which must not lead out of its port.
pub(super) fn path_within(path: &str) -> Result<String, ValidationError> {
    let bare = path.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    if bare.split(['/', '\\']).any(|part| part == "..") {
        let message = format!("`path` leads out of its port by `..` ({path:?}): pass the path itself");
        return Err(ValidationError::new("path", message));
    }
    let path = path.split('#').next().unwrap_or_default();
    Ok(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}
