use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::problem::Problem;

/// The one user of a sandbox, root: named by Basic authorization, or not at all.
pub(crate) struct SandboxUser;

impl<S: Send + Sync> FromRequestParts<S> for SandboxUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let name = parts.headers.get(header::AUTHORIZATION).and_then(|value| basic_name(value.to_str().ok()?));
        match name.as_deref() {
            None | Some("" | "root") => Ok(Self),
            Some(other) => {
                let message = format!("there is no user {other:?} in this sandbox: leave it out, or use root");
                Err(Problem::invalid(message))
            }
        }
    }
}

/// The name in `Basic base64("name:password")`; other kinds of authorization name nobody.
fn basic_name(header: &str) -> Option<String> {
    let (kind, credentials) = header.split_once(' ')?;
    if !kind.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    Some(text.split_once(':').map_or(text.as_str(), |(name, _)| name).to_owned())
}
