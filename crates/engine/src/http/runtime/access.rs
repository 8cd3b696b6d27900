use axum::extract::Request;
use axum::http::{HeaderMap, Method, Uri, header};
use jiff::Timestamp;
use sandbar_protocol::ACCESS_TOKEN_HEADER;

use super::parameters;
use super::refusal::Refusal;
use super::signature::{self, EXPIRATION, Operation, SIGNATURE};
use crate::http::auth;
use crate::lifecycle::SandboxRecord;

/// The routes whose URLs can be signed.
const OF_FILES: [&str; 2] = ["/files", "/file"];

/// An upload's mode, which is no part of what is signed.
const UNSIGNED_MODE: &str = "mode";

/// Lets a request through that has the access token, or the signature of a file's URL; the signature ends here.
pub(super) fn admit(request: &mut Request, path: &str, record: &SandboxRecord, now: Timestamp) -> Result<(), Refusal> {
    let has_token = has_token(request.headers(), record);
    let query = request.uri().query().unwrap_or_default();
    let operation = Operation::of(request.method()).filter(|_| OF_FILES.contains(&path));
    let signed = operation.filter(|_| parameters::has(query, SIGNATURE));
    match signed {
        _ if has_token => {}
        Some(operation) => {
            signature::check(query, operation, &record.token, now)?;
            remove_parameters(request, &[UNSIGNED_MODE]);
            if request.method() == Method::POST {
                keep_to_signed_path(request.headers_mut())?;
            }
        }
        None => {
            return Err(Refusal::unauthenticated(
                "the access token is missing or wrong: send envdAccessToken of the sandbox's detail as X-Access-Token; \
                 a resume makes a new one",
            ));
        }
    }
    if operation.is_some() {
        remove_parameters(request, &[SIGNATURE, EXPIRATION]);
    }
    Ok(())
}

/// Whether the request has the sandbox's access token.
pub(super) fn has_token(headers: &HeaderMap, record: &SandboxRecord) -> bool {
    let token = headers.get(ACCESS_TOKEN_HEADER).and_then(|token| token.to_str().ok());
    token.is_some_and(|token| is_token(token, record))
}

/// Whether this is the sandbox's access token.
pub(super) fn is_token(given: &str, record: &SandboxRecord) -> bool {
    let known = record.token.expose();
    !known.is_empty() && auth::same(given, known)
}

/// Keeps the body from naming another path than the one that was signed: of its forms, JSON alone does so.
fn keep_to_signed_path(headers: &mut HeaderMap) -> Result<(), Refusal> {
    let mut content_types = headers.get_all(header::CONTENT_TYPE).iter();
    let content_type = content_types.next().map_or(Ok(""), |value| value.to_str());
    let content_type = match (content_type, content_types.next()) {
        (Ok(content_type), None) => content_type.trim().to_ascii_lowercase(),
        _ => return Err(Refusal::invalid("Content-Type is no text, or stands there twice: send one")),
    };
    if content_type.contains("json") {
        let message =
            "a signed URL takes the file's bytes or multipart/form-data, and no JSON: its path could be another";
        return Err(Refusal::invalid(message));
    }
    if content_type.split(';').next().map(str::trim) != Some("multipart/form-data") {
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/octet-stream"));
    }
    Ok(())
}

/// Removes parameters from the query, and leaves the others as they are written.
pub(super) fn remove_parameters(request: &mut Request, names: &[&str]) {
    let uri = request.uri();
    let Some(query) = uri.query() else { return };
    let rest = parameters::without(query, names);
    let mark = if rest.is_empty() { "" } else { "?" };
    // A part of a URI that was one is one.
    if let Ok(shorter) = format!("{}{mark}{rest}", uri.path()).parse::<Uri>() {
        *request.uri_mut() = shorter;
    }
}
