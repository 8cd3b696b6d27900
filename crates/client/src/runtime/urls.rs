//! URLs of a sandbox's files that need no token: they are signed with it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sandbar_protocol::{Fields, ValidationError};
use sha2::{Digest, Sha256};

use super::{Place, Runtime};
use crate::{Args, CallOptions, ClientError};

/// What is less was meant as a duration: in Unix seconds it would be before 2001.
const FIRST_EXPIRATION: u64 = 1_000_000_000;
/// Until when a URL may be asked to hold, in Unix seconds: the year 9999.
const MAX_EXPIRATION: u64 = 253_402_300_799;
/// For how long: a hundred years.
const MAX_SECONDS: u64 = 100 * 366 * 86_400;

/// What a URL lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Download a file.
    Read,
    /// Upload a file.
    Write,
}

/// What a URL is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlCall {
    /// The file; an upload's form may name it as well.
    pub path: Option<String>,
    /// The user in the sandbox; none is root.
    pub user: Option<String>,
    /// Until when it holds, in Unix seconds; as long as the token if absent.
    pub expiration: Option<u64>,
}

impl Runtime {
    /// A signed URL of a file. Nothing is sent but what makes sure that its token is good, if that is a while ago.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: none, if the token is known; else `GET /sandboxes/:sandboxID`.
    pub async fn signed_url(&self, url: &UrlCall, access: Access, call: &CallOptions) -> Result<String, ClientError> {
        let call = &call.as_a_whole();
        self.make_sure(call).await?;
        Ok(signed(&self.place(call).await?, url, access))
    }
}

fn signed(place: &Place, call: &UrlCall, access: Access) -> String {
    let path = call.path.as_deref().unwrap_or_default();
    let user = call.user.as_deref().unwrap_or_default().trim();
    let token = place.token.expose().trim();
    let expiration = call.expiration.map(|seconds| seconds.to_string());
    let mut pairs = vec![("path", path.to_owned()), ("username", user.to_owned())];
    pairs.retain(|(_, value)| !value.is_empty());
    if !token.is_empty() {
        pairs.extend(expiration.iter().map(|seconds| ("signature_expiration", seconds.clone())));
        let word = if access == Access::Read { "read" } else { "write" };
        let mut text = format!("{path}:{word}:{user}:{token}");
        if let Some(seconds) = &expiration {
            text.push_str(&format!(":{seconds}"));
        }
        pairs.push(("signature", format!("v1_{}", STANDARD_NO_PAD.encode(Sha256::digest(text)))));
    }
    let mut url = place.join("/files");
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    url.into()
}

impl Args {
    /// Arguments of downloadUrl and uploadUrl: `path`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn signed_url(&self) -> Result<(UrlCall, CallOptions), ValidationError> {
        let path = self.get("path").map(|_| super::files::remote_path(self, "path")).transpose()?;
        let (options, call) = self.options()?;
        let known = ["user", "useSignatureExpiration", "expiresInSeconds"];
        let fields = Fields::of("URL options", &options, &known)?;
        let until = fields.integer("useSignatureExpiration", 1, MAX_EXPIRATION, "(Unix seconds)")?;
        let seconds = fields.integer("expiresInSeconds", 1, MAX_SECONDS, "seconds")?;
        let expiration = match (until, seconds) {
            (Some(_), Some(_)) => {
                let message = "`useSignatureExpiration` and `expiresInSeconds` say the same: pass one of them";
                return Err(ValidationError::new("expiresInSeconds", message));
            }
            (Some(until), None) if until < FIRST_EXPIRATION => {
                let message = format!(
                    "`useSignatureExpiration` is a point in time in Unix seconds, got {until}: pass a duration in seconds as \
                     `expiresInSeconds`"
                );
                return Err(ValidationError::new("useSignatureExpiration", message));
            }
            (until, None) => until,
            (None, Some(seconds)) => Some(unix_now() + seconds),
        };
        Ok((UrlCall { path, user: fields.text("user")?.map(str::to_owned), expiration }, call))
    }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|now| now.as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use sandbar_protocol::{Envd, Secret};
    use url::Url;

    use super::*;

    fn place(token: &str) -> Place {
        let envd_url = Some("http://127.0.0.1:8787/envd/sb-1".to_owned());
        Place::of(Envd { envd_url, envd_access_token: Some(Secret::new(token)) }).unwrap()
    }

    // What the public service's client for Python makes of the same input.
    #[test]
    fn a_signature_is_that_of_the_public_clients() {
        let call = UrlCall { path: Some("/root/a b.txt".to_owned()), user: None, expiration: Some(1_900_000_000) };
        assert_eq!(
            signed(&place("tok"), &call, Access::Read),
            "http://127.0.0.1:8787/envd/sb-1/files?path=%2Froot%2Fa+b.txt&signature_expiration=1900000000&signature=v1_a23LkO9NZGToNJNdty%2Fgnqc7a1gS3aZvKbEsZP1LJGA"
        );
        let call = UrlCall { path: None, user: Some("root".to_owned()), expiration: None };
        assert_eq!(
            signed(&place(" tok "), &call, Access::Write),
            "http://127.0.0.1:8787/envd/sb-1/files?username=root&signature=v1_dbprG6JV4J4kndpNCAM76%2BrOBWLbYk1kiiVebZ5d1QQ"
        );
    }

    // Those clients trim it, and then mean another file.
    #[test]
    fn a_path_is_signed_as_given() {
        let call = UrlCall { path: Some("report ".to_owned()), ..UrlCall::default() };
        let url = signed(&place("tok"), &call, Access::Write);
        let signature = STANDARD_NO_PAD.encode(Sha256::digest("report :write::tok"));
        let pairs = Url::parse(&url).unwrap().query_pairs().into_owned().collect::<Vec<_>>();
        let expected = [("path", "report "), ("signature", &format!("v1_{signature}"))];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn without_a_token_there_is_nothing_to_sign() {
        let call = UrlCall { path: Some("a".to_owned()), ..UrlCall::default() };
        assert_eq!(signed(&place(""), &call, Access::Read), "http://127.0.0.1:8787/envd/sb-1/files?path=a");
        assert_eq!(signed(&place(""), &UrlCall::default(), Access::Write), "http://127.0.0.1:8787/envd/sb-1/files");
    }
}
