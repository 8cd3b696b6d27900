use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The error body that the engine writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// The HTTP status again.
    pub code: u16,
    /// What happened and what to do.
    pub message: String,
    /// The request's ID.
    pub request_id: String,
    /// The error for programs.
    pub error: ErrorInfo,
    /// Facts, as `{reason: "usage_limit"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// The error for programs. Other servers may put a text `details` here, which clients show in place of the message: facts are
/// outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorInfo {
    /// As `sandbox_not_found`.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
}

/// What a client could read out of an error body, whoever wrote it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecodedError {
    /// As `sandbox_not_found`.
    pub code: Option<String>,
    /// The server's sentence.
    pub message: Option<String>,
    /// The request's ID.
    pub request_id: Option<String>,
    /// Facts.
    pub details: Option<Value>,
    /// The whole body, if it was JSON.
    pub body: Option<Value>,
}

impl DecodedError {
    /// Reads a body of any origin: the contract's shape, `requestID`, `error` as a plain string, or no JSON at all.
    pub fn decode(body: &[u8]) -> Self {
        serde_json::from_slice(body).map(Self::of).unwrap_or_default()
    }

    /// The same of a body that was JSON.
    pub fn of(value: Value) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned);
        let error = value.get("error");
        let inner = |name: &str| error.and_then(|error| error.get(name)).filter(|value| !value.is_null());
        let outer = |name: &str| value.get(name).filter(|value| !value.is_null());
        Self {
            // The outer code is mostly the HTTP status: only a word says more.
            code: text(inner("code")).or_else(|| text(outer("code"))),
            message: text(inner("message")).or_else(|| text(outer("message"))).or_else(|| text(error)),
            request_id: text(outer("request_id"))
                .or_else(|| text(outer("requestID")))
                .or_else(|| text(outer("requestId"))),
            // Facts are outside; older engines had them in both places.
            details: outer("details").or_else(|| inner("details")).cloned(),
            body: Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_shape_is_read() {
        let decoded = DecodedError::decode(
            br#"{"code":404,"message":"gone","request_id":"r1","error":{"code":"sandbox_not_found","message":"no sandbox","details":{"a":1}}}"#,
        );
        assert_eq!(decoded.code.as_deref(), Some("sandbox_not_found"));
        assert_eq!(decoded.message.as_deref(), Some("no sandbox"));
        assert_eq!(decoded.request_id.as_deref(), Some("r1"));
        assert_eq!(decoded.details, Some(serde_json::json!({"a": 1})));
    }

    #[test]
    fn facts_outside_are_read_before_text_inside() {
        let decoded = DecodedError::decode(
            br#"{"code":429,"error":{"code":"usage_limit","message":"full","details":"10 of 10"},"details":{"limit":10}}"#,
        );
        assert_eq!(decoded.details, Some(serde_json::json!({"limit": 10})));
        let decoded = DecodedError::decode(br#"{"error":{"code":"x","message":"m","details":"a text"}}"#);
        assert_eq!(decoded.details, Some(serde_json::json!("a text")));
    }

    #[test]
    fn other_shapes_are_read_too() {
        let decoded = DecodedError::decode(br#"{"error":"nope","requestID":"r2"}"#);
        assert_eq!(decoded.message.as_deref(), Some("nope"));
        assert_eq!(decoded.request_id.as_deref(), Some("r2"));
        assert_eq!(decoded.code, None);
        assert_eq!(DecodedError::decode(b"<html>"), DecodedError::default());
        assert_eq!(DecodedError::decode(b"[]").message, None);
    }
}
