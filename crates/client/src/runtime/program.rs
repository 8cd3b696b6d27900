//! HTTP to programs that run in a sandbox, through its runtime.

use std::borrow::Cow;

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use sandbar_protocol::{Fields, ValidationError};
use serde_json::Value;

use super::Runtime;
use super::body_reader::{BodyReader, Patience};
use super::call::RuntimeRequest;
use super::ports::check_port;
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

/// What a program answers that is not there: or what a gateway answers in place of a sandbox that is not there.
const GATEWAY_FAILED: u16 = 502;

/// A request to a program.
#[derive(Clone, Debug)]
pub struct ProgramCall {
    port: u16,
    /// Path and query, as `path_within` gives them.
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
    /// The headers; each byte of a value is a character.
    pub headers: Vec<(String, String)>,
    /// The body, as it is asked for.
    pub body: BodyReader,
}

impl ProgramCall {
    pub(super) fn get(port: u16, path: &str) -> Result<Self, ValidationError> {
        let path = path_within(path)?;
        Ok(Self { port, path, method: Method::GET, headers: Vec::new(), body: Vec::new() })
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
    /// followed. A request timeout of the call counts for all of it, body included; without one, the body may be silent for as long
    /// as the runtime is there.
    ///
    /// # Errors
    /// As every call. Where nothing listens, the answer is a 502 that says so.
    ///
    /// Route: `{envdUrl}/proxy/{port}/{path}`.
    pub async fn program(&self, program: ProgramCall, call: &CallOptions) -> Result<ProgramAnswer, ClientError> {
        let call = &call.as_a_whole();
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
        let patience = call.request_timeout.map_or(Patience::WhileAlive, Patience::Limited);
        let reader = BodyReader::of(self.open(request, call).await?, self, patience, call);
        let response = &reader.response;
        let status = response.status();
        if status == GATEWAY_FAILED
            && let Some(end) = self.end_of_sandbox(call).await
        {
            return Err(end);
        }
        // Each byte is a character, as the Fetch standard has it: what a program means by them, nobody can tell.
        let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
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

/// What a path, and a query, can't hold as it is. A backslash stands for a slash in some servers.
const IN_PATH: &AsciiSet = &IN_QUERY.add(b'?').add(b'`').add(b'{').add(b'}').add(b'\\').add(b'^').add(b'|');
const IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// A program's path and query as they are sent. No parser changes them after this check: one that drops tabs or resolves
/// dots could lead out of the port, into the runtime's own routes.
pub(super) fn path_within(given: &str) -> Result<String, ValidationError> {
    let refuse =
        |why: &str| Err(ValidationError::new("path", format!("`path` {why} ({given:?}): pass the path itself")));
    if given.contains(|c: char| c.is_ascii_control()) {
        return refuse("has a control character in it, as a tab or a line feed");
    }
    let target = given.split('#').next().unwrap_or_default();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    if climbs(path) {
        return refuse("leads out of its port by `..`");
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    let path = utf8_percent_encode(path, IN_PATH);
    Ok(match query {
        Some(query) => format!("{slash}{path}?{}", utf8_percent_encode(query, IN_QUERY)),
        None => format!("{slash}{path}"),
    })
}

/// Whether a path has a segment `..`, for any server on the way: however often it decodes the path, and wherever it lets a
/// segment begin and end.
fn climbs(path: &str) -> bool {
    let mut path = Cow::from(path.as_bytes());
    loop {
        let mut segments = path.split(|byte| matches!(byte, b'/' | b'\\'));
        if segments.any(|segment| segment.split(|byte| *byte == b';').next() == Some(b"..")) {
            return true;
        }
        // Borrowed if there was nothing to decode.
        let Cow::Owned(decoded) = Cow::from(percent_decode(&path)) else { return false };
        path = decoded.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_sent_as_given_with_what_urls_cannot_hold_escaped() {
        for (given, sent) in [
            ("", "/"),
            ("a/b", "/a/b"),
            ("//a//b/", "//a//b/"),
            ("/a/./b/...", "/a/./b/..."),
            ("/ü \\x?q=ü a&b='{1}'#top", "/%C3%BC%20%5Cx?q=%C3%BC%20a&b='{1}'"),
            ("/report ", "/report%20"),
            ("/a%2Fb%20c?d=../e", "/a%2Fb%20c?d=../e"),
        ] {
            assert_eq!(path_within(given).unwrap(), sent, "{given:?}");
            assert_eq!(path_within(sent).unwrap(), sent, "{given:?}");
        }
    }

    #[test]
    fn path_that_leaves_its_port_is_refused() {
        for given in [
            "..",
            "/a/../../run",
            ".\t./.\t./run",
            "/.\n./run",
            "/a/%2e%2E/b",
            "/%252e%252e/run",
            "/a%2f..%2frun",
            "/a%2f.%2e%2frun",
            "..\\run",
            "/..%5crun",
            "/..;a=1/run",
            "/\0",
        ] {
            let error = path_within(given).unwrap_err();
            assert_eq!(error.field, "path", "{given:?}");
        }
    }
}
