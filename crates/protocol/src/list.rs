use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::fields::Fields;
use crate::{PublicState, ValidationError};

/// The most sandboxes of one page, and the default.
pub const MAX_PAGE: u64 = 100;

/// A place in the list: the unpadded base64url of the decimal offset (`MQ` is 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageToken(pub u64);

impl PageToken {
    /// The text on the wire.
    pub fn encode(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.to_string())
    }

    /// Reads the text; `None` if it is no token.
    pub fn decode(text: &str) -> Option<Self> {
        let digits = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok().map(Self)).flatten()
    }
}

/// Query of `GET /sandboxes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Metadata that must all match.
    pub metadata: BTreeMap<String, String>,
    /// Only these states; empty means all but deleted.
    pub states: Vec<PublicState>,
    /// The most sandboxes of the page, 1…100, default 100.
    pub limit: Option<u64>,
    /// Where to go on: the `X-Next-Token` of the page before.
    pub next_token: Option<String>,
}

impl ListQuery {
    /// Reads `{metadata: {app: "prod"}, state: "running" | ["running", …], limit, nextToken}`.
    pub fn from_json(value: &Value) -> Result<Self, ValidationError> {
        let fields = Fields::of("list options", value, &["metadata", "state", "limit", "nextToken"])?;
        // Whatever the service gave: only the service knows what its tokens mean.
        let next_token = fields.text("nextToken")?.filter(|token| !token.is_empty());
        Ok(Self {
            metadata: fields.string_map("metadata")?.unwrap_or_default(),
            states: fields.words("state", &PublicState::WORDS)?.into_iter().map(PublicState::from).collect(),
            limit: fields.integer("limit", 1, MAX_PAGE, "sandboxes")?,
            next_token: next_token.map(str::to_owned),
        })
    }

    /// The offset that `next_token` stands for, where tokens are offsets.
    ///
    /// # Errors
    /// [`ValidationError`] if it is no such token.
    pub fn offset(&self) -> Result<u64, ValidationError> {
        let Some(token) = self.next_token.as_deref() else { return Ok(0) };
        let invalid = "`nextToken` is not a page token: pass the `nextToken` of the page before, unchanged";
        PageToken::decode(token).map(|token| token.0).ok_or_else(|| ValidationError::new("nextToken", invalid))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_the_base64url_of_the_offset() {
        assert_eq!(PageToken(1).encode(), "MQ");
        assert_eq!(PageToken::decode("MTAw"), Some(PageToken(100)));
        for bad in ["", "!!", "YWJj", "KzE", "LTE"] {
            assert_eq!(PageToken::decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_state_may_be_one_word_or_several() {
        let one = ListQuery::from_json(&json!({"state": "running"})).unwrap();
        let two = ListQuery::from_json(&json!({"state": ["running", "paused"]})).unwrap();
        assert_eq!(one.states, [PublicState::Running]);
        assert_eq!(two.states, [PublicState::Running, PublicState::Paused]);
        let error = ListQuery::from_json(&json!({"state": "runing"})).unwrap_err();
        assert_eq!(
            error.message,
            "`state` must be one of starting, running, paused, deleted, failed, error, got \"runing\": did you mean \"running\"?"
        );
    }

    #[test]
    fn limits_are_checked() {
        let error = ListQuery::from_json(&json!({"limit": 0})).unwrap_err();
        assert_eq!(error.message, "`limit` must be between 1 and 100 sandboxes, got 0");
    }

    #[test]
    fn any_token_may_be_passed_on_and_only_offsets_are_offsets() {
        let query = |token: &str| ListQuery::from_json(&json!({ "nextToken": token })).unwrap();
        assert_eq!(query("eyJrIjo0fQ==:v2").next_token.as_deref(), Some("eyJrIjo0fQ==:v2"));
        assert_eq!((query("").offset(), query("MTAw").offset()), (Ok(0), Ok(100)));
        let message = query("x!").offset().unwrap_err().message;
        assert_eq!(message.split(':').next(), Some("`nextToken` is not a page token"));
    }
}
