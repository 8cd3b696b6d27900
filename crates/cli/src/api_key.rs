use std::net::SocketAddr;

use crate::exit::CliError;

/// A key that nobody has to think of.
pub(crate) fn generate() -> String {
    format!("sk_local_{}", uuid::Uuid::new_v4().simple())
}

/// Refuses what clients could not send, and an engine open to a network with a key that nobody chose.
pub(crate) fn check(chosen: Option<&str>, listen: SocketAddr) -> Result<(), CliError> {
    match chosen {
        Some(key) if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) => Err(CliError::Usage(
            "the API key must be visible ASCII characters without blanks: it travels in a header".to_owned(),
        )),
        None if !listen.ip().is_loopback() => Err(CliError::Usage(format!(
            "{listen} can be reached from other machines: choose a key with --api-key or SANDBAR_API_KEY, or listen \
             on 127.0.0.1"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(key: Option<&str>, listen: &str) -> Option<String> {
        check(key, listen.parse().unwrap()).err().map(|error| error.to_string())
    }

    #[test]
    fn an_engine_beyond_loopback_needs_a_chosen_key() {
        assert_eq!(refusal(None, "127.0.0.1:0"), None);
        assert_eq!(refusal(None, "[::1]:0"), None);
        assert_eq!(refusal(Some("chosen"), "0.0.0.0:80"), None);
        let message = refusal(None, "0.0.0.0:80").unwrap();
        assert!(message.starts_with("0.0.0.0:80 can be reached from other machines: choose a key with --api-key"));
    }

    #[test]
    fn a_key_must_fit_into_a_header() {
        for key in ["", "a b", "a\n", "ä"] {
            assert!(refusal(Some(key), "127.0.0.1:0").unwrap().starts_with("the API key must be visible ASCII"));
        }
    }
}
