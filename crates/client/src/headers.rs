use std::fmt;
use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use sandbar_protocol::{FOREIGN_VALUE_KEY, Secret, ValidationError, bare_kind};
use serde_json::Value;

use crate::{ClientError, TraceContext};

/// Headers that the client itself writes, with what to use instead.
const OWN: [(&str, &str); 10] = [
    ("x-api-key", "use `apiKey`"),
    ("authorization", "use `apiKey`: the service takes the key from its own header"),
    ("x-project-id", "use `projectId`"),
    ("x-request-id", "leave it out: each request has an ID of its own, which errors tell"),
    ("idempotency-key", "leave it out: each create has a key of its own"),
    ("content-type", "leave it out: bodies are JSON"),
    ("accept", "leave it out: answers are JSON"),
    ("user-agent", "leave it out: it names this package and its version"),
    ("host", "leave it out: it follows from `baseUrl`"),
    ("proxy-authorization", "put name and password into the `proxy` URL"),
];

/// Headers about one connection or one body, which only HTTP itself can get right.
const OF_HTTP: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Where a request belongs in a trace.
const OF_TRACE: [&str; 2] = ["traceparent", "tracestate"];

/// Extra headers of every request, checked. Values are secrets: `Debug` shows the names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Arc<HeaderMap>);

impl Headers {
    /// Checks names and values.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] with the setting `headers.<name>`. The value is never repeated.
    pub fn new(headers: &[(String, Secret)]) -> Result<Self, ClientError> {
        let mut map = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            let shown = name.escape_debug();
            let refuse = |why: String| ClientError::configuration(&format!("headers.{name}"), why);
            let (key, checked) =
                check(name, value).map_err(|why| refuse(format!("the header `{shown}` of `headers` {why}")))?;
            if map.insert(key, checked).is_some() {
                return Err(refuse(format!("the header `{shown}` of `headers` is given twice: case does not count")));
            }
        }
        Ok(Self(Arc::new(map)))
    }

    /// These headers, and where the request belongs in a trace.
    pub(crate) fn within(&self, trace: &TraceContext) -> Self {
        let mut map = HeaderMap::clone(&self.0);
        trace.add_to(&mut map);
        Self(Arc::new(map))
    }

    /// These headers without where the request belongs in a trace.
    pub(crate) fn outside_traces(&self) -> Self {
        if !OF_TRACE.iter().any(|name| self.0.contains_key(*name)) {
            return self.clone();
        }
        let mut map = HeaderMap::clone(&self.0);
        for name in OF_TRACE {
            map.remove(name);
        }
        Self(Arc::new(map))
    }

    /// Where the request belongs in a trace, and nothing else.
    pub(crate) fn of_trace(&self) -> HeaderMap {
        let names = OF_TRACE.map(HeaderName::from_static);
        names.into_iter().filter_map(|name| Some((name.clone(), self.0.get(&name)?.clone()))).collect()
    }

    pub(crate) fn map(&self) -> &HeaderMap {
        &self.0
    }

    /// The values that no message may show.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads the option `headers`, an object of strings, unchecked but for that.
pub(crate) fn read(value: Option<&Value>) -> Result<Vec<(String, Secret)>, ValidationError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let Some(map) = value.as_object().filter(|map| !map.contains_key(FOREIGN_VALUE_KEY)) else {
        let message =
            format!("`headers` must be an object of strings, got {}: pass {{\"x-name\": \"value\"}}", bare_kind(value));
        return Err(ValidationError::new("headers", message));
    };
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), Secret::new(text))),
        other => {
            let shown = name.escape_debug();
            let message = format!("the header `{shown}` of `headers` must be a string, got {}", bare_kind(other));
            Err(ValidationError::new(format!("headers.{name}"), message))
        }
    };
    map.iter().map(pair).collect()
}

/// On failure, what is wrong with the header.
fn check(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), String> {
    let key = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "has a name that HTTP can't carry: use letters, digits and `-`")?;
    if let Some((_, instead)) = OWN.iter().find(|(own, _)| *own == key.as_str()) {
        return Err(format!("is the client's own: {instead}"));
    }
    if OF_HTTP.contains(&key.as_str()) {
        return Err("belongs to the connection, and can't be set".to_owned());
    }
    let text = value.expose();
    if text.trim() != text {
        return Err("has a value that begins or ends with white space: trim it".to_owned());
    }
    let mut checked = HeaderValue::from_str(text)
        .ok()
        .filter(|_| text.is_ascii())
        .ok_or("has a value with characters that an HTTP header can't carry")?;
    checked.set_sensitive(true);
    Ok((key, checked))
}
