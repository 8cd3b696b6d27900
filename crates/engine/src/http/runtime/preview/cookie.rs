//! The cookie by which a browser stays in. It is not the access token: it opens one port, and nothing else.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sandbar_protocol::Secret;
use sha2::{Digest, Sha256};

use crate::http::auth;

const NAME: &str = "sandbar_preview";

/// What the cookie has to be: known to those alone who know the token, and no way back to it.
pub(super) fn value(port: u16, token: &Secret) -> Secret {
    let digest = Sha256::digest(format!("preview:{port}:{}", token.expose()));
    Secret::new(BASE64_URL_SAFE_NO_PAD.encode(digest))
}

/// `Set-Cookie`: for this host alone, and out of reach of the page's scripts.
pub(super) fn set(port: u16, token: &Secret, is_https: bool) -> String {
    let secure = if is_https { "; Secure" } else { "" };
    format!("{NAME}={}; Path=/; HttpOnly; SameSite=Lax{secure}", value(port, token).expose())
}

/// Takes the cookie out of a request; whether it was there with this value. Pages of a neighbouring host may have set
/// others of its name: they do not matter.
pub(super) fn take(headers: &mut HeaderMap, expected: &Secret) -> bool {
    let mut found = false;
    let mut kept = Vec::new();
    for line in headers.get_all(header::COOKIE) {
        let mut others = Vec::new();
        for pair in line.as_bytes().split(|byte| *byte == b';') {
            match own_value(pair) {
                Some(given) => found |= auth::same(&String::from_utf8_lossy(given), expected.expose()),
                None => others.push(pair),
            }
        }
        kept.push(others.join(&b';'));
    }
    headers.remove(header::COOKIE);
    for line in kept.iter().map(|line| line.trim_ascii()).filter(|line| !line.is_empty()) {
        if let Ok(line) = HeaderValue::from_bytes(line) {
            headers.append(header::COOKIE, line);
        }
    }
    found
}

fn own_value(pair: &[u8]) -> Option<&[u8]> {
    let (name, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
    (name.trim_ascii() == NAME.as_bytes()).then(|| value.get(1..).unwrap_or_default().trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(lines: &[&str]) -> (bool, Vec<String>) {
        let expected = value(3000, &Secret::new("tok"));
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = line.replace("RIGHT", expected.expose());
            headers.append(header::COOKIE, line.parse().unwrap_or(HeaderValue::from_static("")));
        }
        let found = take(&mut headers, &expected);
        let left = headers.get_all(header::COOKIE).iter().map(|line| line.to_str().unwrap_or_default().to_owned());
        (found, left.collect())
    }

    #[test]
    fn the_cookie_is_taken_out_and_others_stay() {
        let (found, left) = taken(&["a=b; sandbar_preview=RIGHT; c=d=e", "sandbar_preview=RIGHT", "f"]);
        assert!(found);
        assert_eq!(left, ["a=b; c=d=e", "f"]);
    }

    #[test]
    fn one_right_cookie_among_wrong_ones_is_enough() {
        assert_eq!(taken(&["sandbar_preview=x;sandbar_preview=RIGHT"]), (true, vec![]));
        assert_eq!(
            taken(&["sandbar_preview=x; y=sandbar_preview=RIGHT"]),
            (false, vec!["y=sandbar_preview=".to_owned() + value(3000, &Secret::new("tok")).expose()])
        );
    }

    #[test]
    fn a_cookie_is_for_one_port_of_one_runtime() {
        let token = Secret::new("tok");
        assert_ne!(value(3000, &token).expose(), value(3001, &token).expose());
        assert_ne!(value(3000, &token).expose(), value(3000, &Secret::new("new")).expose());
        assert!(!value(3000, &token).expose().contains("tok"));
    }
}
