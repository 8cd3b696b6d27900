use hyper::header::{HeaderMap, HeaderValue};
use serde_json::Value;

/// Where a call belongs in a distributed trace, as W3C Trace Context says it in headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// The header `traceparent`.
    pub traceparent: String,
    /// The header `tracestate`; empty if there is none.
    pub tracestate: String,
}

impl TraceContext {
    /// Reads `{traceparent, tracestate?}`; none without a `traceparent`.
    pub(crate) fn read(value: Option<&Value>) -> Option<Self> {
        let text = |name| value?.get(name)?.as_str().map(str::to_owned);
        Some(Self { traceparent: text("traceparent")?, tracestate: text("tracestate").unwrap_or_default() })
    }

    /// Adds it to headers, unless they say already where they belong. What HTTP can't carry is left out: no call fails
    /// over its trace.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        if headers.contains_key("traceparent") || self.traceparent.is_empty() {
            return;
        }
        let Ok(traceparent) = HeaderValue::from_str(&self.traceparent) else { return };
        headers.insert("traceparent", traceparent);
        match HeaderValue::from_str(&self.tracestate) {
            Ok(tracestate) if !tracestate.is_empty() => headers.insert("tracestate", tracestate),
            // A state belongs to its parent: one that was set by hand belongs to another.
            _ => headers.remove("tracestate"),
        };
    }
}
