//! Signed URLs: who has one may read or write one file without the access token, perhaps up to a time.

use std::fmt;

use axum::http::Method;
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use jiff::Timestamp;
use sandbar_protocol::Secret;
use sha2::{Digest, Sha256};

use super::parameters::{self, MoreThanOne};
use super::refusal::Refusal;
use crate::http::auth;

/// The parameters of a signed query.
pub(super) const SIGNATURE: &str = "signature";
pub(super) const EXPIRATION: &str = "signature_expiration";
const PATH: &str = "path";
const USERNAME: &str = "username";

/// What a signature allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    Write,
}

impl Operation {
    /// What a request with this method does to a file.
    pub(super) fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::GET | Method::HEAD => Some(Self::Read),
            Method::POST => Some(Self::Write),
            _ => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// Checks the signature of a query.
///
/// # Errors
/// If it is wrong or its time is over, or if a parameter that it is about stands there twice.
pub(super) fn check(query: &str, operation: Operation, token: &Secret, now: Timestamp) -> Result<(), Refusal> {
    let text = |name: &str| {
        parameters::only(query, name).map_err(|MoreThanOne| {
            Refusal::invalid(format!("`{name}` stands in the signed query more than once: send it once"))
        })
    };
    let (path, username) = (text(PATH)?.unwrap_or_default(), text(USERNAME)?.unwrap_or_default());
    if username.contains(':') {
        // The signed text would read in two ways.
        return Err(Refusal::invalid("`username` has a colon in it: a signed URL is for a user without one"));
    }
    let (signature, expiration) = (text(SIGNATURE)?.unwrap_or_default(), text(EXPIRATION)?);
    let expected = sign(&path, operation, &username, token, expiration.as_deref());
    if token.expose().is_empty() || !auth::same(&signature, &expected) {
        return Err(Refusal::unauthenticated(format!(
            "the signature does not fit: it has to be one to {operation} this path as this user, made with envdAccessToken \
             of the sandbox's detail; a resume makes a new one"
        )));
    }
    match expiration.map(|text| text.parse::<i64>()) {
        Some(Err(_)) => Err(Refusal::invalid("`signature_expiration` must be a time in whole Unix seconds")),
        Some(Ok(end)) if end <= now.as_second() => Err(Refusal::unauthenticated(format!(
            "the signature expired at {end}, now is {} (Unix seconds): make a new URL that ends later",
            now.as_second()
        ))),
        _ => Ok(()),
    }
}

pub(super) fn sign(
    path: &str,
    operation: Operation,
    username: &str,
    token: &Secret,
    expiration: Option<&str>,
) -> String {
    let mut text = format!("{path}:{operation}:{username}:{}", token.expose());
    if let Some(expiration) = expiration {
        text.push(':');
        text.push_str(expiration);
    }
    format!("v1_{}", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn checked(query: &str, operation: Operation) -> Result<(), Refusal> {
        check(query, operation, &Secret::new("tok"), Timestamp::from_second(NOW).unwrap_or_default())
    }

    fn signed(pairs: &[(&str, &str)], signature: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs).append_pair(SIGNATURE, signature).finish()
    }

    // Made by: printf %s '/root/a+b.txt:read:root:tok:1800000001' | openssl dgst -sha256 -binary | base64
    const KNOWN: &str = "v1_rbjAiS3akGkECxYwbF1o7RDyFq5oA6TvG6QxCs7tHSU";

    #[test]
    fn a_signature_is_the_one_that_other_clients_make() {
        let pairs = [(PATH, "/root/a+b.txt"), (USERNAME, "root"), (EXPIRATION, "1800000001")];
        assert!(checked(&signed(&pairs, KNOWN), Operation::Read).is_ok());
    }

    #[test]
    fn a_signature_is_good_for_one_path_user_operation_and_time() {
        let token = Secret::new("tok");
        let signature = sign("/a", Operation::Read, "", &token, Some("1800000001"));
        let with = |path: &str, end: &str| signed(&[(PATH, path), (EXPIRATION, end)], &signature);
        assert!(checked(&with("/a", "1800000001"), Operation::Read).is_ok());
        let root = format!("{}&username=root", with("/a", "1800000001"));
        let without_end = signed(&[(PATH, "/a")], &signature);
        for query in [with("/b", "1800000001"), with("/a", "1900000000"), with("/a", "01800000001"), root, without_end]
        {
            let refused = checked(&query, Operation::Read).expect_err(&query);
            assert!(refused.told().0 == 401 && refused.told().1.starts_with("the signature does not fit"), "{query}");
        }
        assert!(checked(&with("/a", "1800000001"), Operation::Write).is_err());
    }

    #[test]
    fn a_signature_whose_time_is_over_says_so() {
        let end = NOW.to_string();
        let signature = sign("/a", Operation::Read, "", &Secret::new("tok"), Some(&end));
        let refused = checked(&signed(&[(PATH, "/a"), (EXPIRATION, &end)], &signature), Operation::Read).expect_err("");
        assert_eq!(refused.told().0, 401);
        assert!(refused.told().1.starts_with("the signature expired at 1800000000, now is 1800000000"));
    }

    #[test]
    fn a_parameter_that_stands_there_twice_is_refused() {
        let signature = sign("/a", Operation::Read, "", &Secret::new("tok"), None);
        for more in [
            "path=/b",
            "p%61th=/b",
            "username=x&username=y",
            "signature=x",
            "signature_expiration=1&signature_expiration=2",
        ] {
            let query = format!("{}&{more}", signed(&[(PATH, "/a")], &signature));
            let refused = checked(&query, Operation::Read).expect_err(more);
            assert_eq!(refused.told().0, 400, "{more}");
        }
    }

    #[test]
    fn a_sandbox_without_a_token_has_no_signatures() {
        let signature = sign("/a", Operation::Read, "", &Secret::new(""), None);
        let query = signed(&[(PATH, "/a")], &signature);
        assert!(check(&query, Operation::Read, &Secret::new(""), Timestamp::UNIX_EPOCH).is_err());
    }

    proptest! {
        #[test]
        fn no_query_is_taken_but_the_one_that_was_signed(
            path in "(a|:|read|write|\\PC){0,6}", username in "[a-z]{0,4}",
            other in "(a|:|read|write|\\PC){0,6}", other_name in "[a-z:]{0,4}",
        ) {
            let token = Secret::new("tok");
            let signature = sign(&path, Operation::Write, &username, &token, None);
            let query = signed(&[(PATH, &path), (USERNAME, &username)], &signature);
            prop_assert!(checked(&query, Operation::Write).is_ok());
            let forged = signed(&[(PATH, &other), (USERNAME, &other_name)], &signature);
            let same = path == other && username == other_name;
            prop_assert_eq!(checked(&forged, Operation::Write).is_ok(), same);
            prop_assert!(checked(&forged, Operation::Read).is_err());
        }
    }
}
