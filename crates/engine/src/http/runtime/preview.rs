//! Previews: a sandbox's port under a host name of its own, as `http://3000-sb-….localhost:8787/`.
//!
//! A page there has an origin that it shares with no other sandbox. A browser gets in by `?access_token=…`, which is
//! answered with a cookie and a redirect that leaves the token out.

mod cookie;
mod host;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;
use super::{access, parameters};
use crate::http::origin::{Origin, Scheme};
use crate::lifecycle::SandboxRecord;

/// The parameter that carries the access token once.
const TOKEN: &str = "access_token";

/// That a request came by the host name of a sandbox's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Preview {
    port: u16,
}

/// The host name of a sandbox's port.
pub(in crate::http) struct PreviewHost {
    port: u16,
    id: String,
}

impl PreviewHost {
    pub(in crate::http) fn parse(host: &str) -> Option<Self> {
        host::parse(host).map(|(port, id)| Self { port, id })
    }
}

/// Turns a request to a sandbox's host name into one to the path of its port. Others stay as they are.
pub(in crate::http) fn to_path(mut request: Request, host: Option<PreviewHost>) -> Request {
    let Some(PreviewHost { port, id }) = host else { return request };
    let path_and_query = request.uri().path_and_query().map_or("/", |text| text.as_str());
    // `*` is what `OPTIONS` may ask for.
    let path_and_query = if path_and_query.starts_with('/') { path_and_query } else { "/" };
    let root = root(port, &id);
    // One that is too long by this is asked for without its path, which is never another sandbox's or the engine's.
    *request.uri_mut() = format!("{root}{path_and_query}").parse().or_else(|_| root.parse()).unwrap_or_default();
    request.extensions_mut().insert(Preview { port });
    request
}

fn root(port: u16, id: &str) -> String {
    format!("/envd/{id}/proxy/{port}")
}

impl Preview {
    /// Lets a request through that has the access token or the cookie; both end here. A token in the query is answered
    /// by a redirect.
    pub(super) fn admit(self, request: &mut Request, record: &SandboxRecord) -> Result<Option<Response>, Refusal> {
        if let Some(answer) = self.sign_in(request, record) {
            return Ok(Some(answer));
        }
        let proof = cookie::value(self.port, &record.token);
        let has_cookie = cookie::take(request.headers_mut(), &proof);
        if has_cookie || access::has_token(request.headers(), record) {
            return Ok(None);
        }
        Err(Refusal::unauthenticated(
            "this sandbox's port is private: open it once with ?access_token=, envdAccessToken of the sandbox's detail, or \
             send that as X-Access-Token; a resume makes a new one",
        ))
    }

    /// The answer to a page that is opened with the token in its address, where it must not stay.
    fn sign_in(self, request: &Request, record: &SandboxRecord) -> Option<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let uri = request.uri();
        let query = uri.query().unwrap_or_default();
        // Programs may have a parameter of this name as well.
        let token = parameters::only(query, TOKEN).ok().flatten().filter(|token| access::is_token(token, record))?;
        let path = uri.path().strip_prefix(&root(self.port, &record.id)).unwrap_or_default();
        let is_https = request.extensions().get::<Origin>().is_some_and(|origin| origin.scheme == Scheme::Https);
        let headers = [
            (header::LOCATION, location(path, &parameters::without(query, &[TOKEN]))),
            (header::SET_COOKIE, cookie::set(self.port, &record.token, is_https)),
            (header::REFERRER_POLICY, "no-referrer".to_owned()),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ];
        drop(token);
        Some((StatusCode::SEE_OTHER, headers, Body::empty()).into_response())
    }
}

/// A path of the same host: one that begins with two slashes would be another host.
fn location(path: &str, query: &str) -> String {
    let begins_like_a_host = path.get(1..).is_some_and(|rest| rest.starts_with(['/', '\\']));
    let same_host = if begins_like_a_host { "/." } else { "" };
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{same_host}{path}{mark}{query}")
}

#[cfg(feature = "fuzz")]
pub(super) fn of_host(host: &str) -> Option<(u16, String)> {
    host::parse(host)
}

#[cfg(feature = "fuzz")]
pub(super) fn take_cookie(headers: &mut axum::http::HeaderMap, port: u16, token: &sandbar_protocol::Secret) -> bool {
    cookie::take(headers, &cookie::value(port, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(host: &str, uri: &str) -> String {
        let request = Request::get(uri).header(header::HOST, host).body(Body::empty()).unwrap_or_default();
        to_path(request, PreviewHost::parse(host)).uri().to_string()
    }

    #[test]
    fn a_sandboxs_host_name_leads_to_its_port_whatever_the_path() {
        for path in ["/", "/a%20b//?q=/x", "/api/v1/sandboxes", "/envd/sb-other/run", "/../../health"] {
            assert_eq!(path_of("3000-sb-a1.localhost:8787", path), format!("/envd/sb-a1/proxy/3000{path}"));
        }
        assert_eq!(path_of("127.0.0.1:8787", "/health"), "/health");
    }

    #[test]
    fn the_redirect_stays_on_its_host() {
        assert_eq!(location("/a", "b=1"), "/a?b=1");
        assert_eq!(location("/", ""), "/");
        assert_eq!(location("//evil.example/", ""), "/.//evil.example/");
        assert_eq!(location("/\\evil.example", ""), "/./\\evil.example");
    }
}
