//! Under which URL a client reached the engine: URLs in answers start with it.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::uri::{Authority, PathAndQuery};
use axum::http::{HeaderMap, Uri, header};
use ipnet::IpNet;
use sandbar_http_server::PeerAddr;

use super::App;
use super::runtime::preview::{self, PreviewHost};

/// What an operator says of the way to the engine.
#[derive(Clone, Debug, Default)]
pub struct UrlConfig {
    /// Where clients reach the engine; otherwise each request says it.
    pub public_url: Option<PublicUrl>,
    /// The proxies whose `X-Forwarded-Proto`, `-Host`, `-Prefix` and `Forwarded` count.
    pub trusted_proxies: Vec<IpNet>,
}

/// `--public-url`: scheme, host and perhaps a path, without a `/` at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Origin);

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write it as https://sandboxes.example.com";
        let uri: Uri = text.parse().map_err(|error| format!("it is not a URL ({error}): {example}"))?;
        let scheme = uri.scheme_str().and_then(Scheme::from_token);
        let scheme = scheme.ok_or_else(|| format!("it starts with neither https:// nor http://: {example}"))?;
        let authority = uri.authority().filter(|authority| is_host_and_port(authority));
        let authority = authority.ok_or_else(|| format!("it has no host, or more than host and port: {example}"))?;
        if uri.query().is_some() || text.contains('#') {
            return Err(format!("it has a query or a fragment: {example}"));
        }
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self(Origin { scheme, authority: authority.to_string(), prefix }))
    }
}

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn from_token(token: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|scheme| token.eq_ignore_ascii_case(scheme.as_str()))
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// How a client reached the engine, or a sandbox's port by a host name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    /// Host and port.
    pub(super) authority: String,
    /// The path under which a proxy has the engine; it ends in no `/`.
    pub(super) prefix: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority, self.prefix)
    }
}

impl FromRequestParts<App> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self::local(&app.local_authority)))
    }
}

impl Origin {
    fn local(authority: &str) -> Self {
        Self { scheme: Scheme::Http, authority: authority.to_owned(), prefix: String::new() }
    }
}

/// Notes how a request reached the engine, and leads one that came by a sandbox's host name to that sandbox's port. All
/// this comes before routing.
pub(super) fn resolve(mut request: Request, config: &UrlConfig, local_authority: &str) -> Request {
    let peer = request.extensions().get::<PeerAddr>();
    let is_trusted = peer.is_some_and(|PeerAddr(peer)| is_trusted(&config.trusted_proxies, *peer));
    if !is_trusted {
        remove_forwarded(request.headers_mut());
    }
    let forwarded = Forwarded::read(request.headers());
    let authority = forwarded.authority.or_else(|| asked_authority(&request)).map(|authority| authority.to_string());
    let preview = authority.as_deref().and_then(PreviewHost::parse);
    let public = config.public_url.as_ref().map(|PublicUrl(origin)| origin);
    let scheme = forwarded.scheme.or_else(|| public.map(|public| public.scheme)).unwrap_or(Scheme::Http);
    let origin = match (public, authority) {
        // The name of a sandbox's port is another than the engine's.
        (Some(public), _) if preview.is_none() => public.clone(),
        (_, Some(authority)) => Origin { scheme, authority, prefix: forwarded.prefix },
        (_, None) => Origin::local(local_authority),
    };
    request.extensions_mut().insert(origin);
    preview::to_path(request, preview)
}

fn is_trusted(proxies: &[IpNet], peer: IpAddr) -> bool {
    proxies.iter().any(|network| network.contains(&peer))
}

/// The host that a request is for: a target in absolute form has it, and then counts in place of `Host` (RFC 9112).
fn asked_authority(request: &Request) -> Option<Authority> {
    let host = || request.headers().get(header::HOST)?.to_str().ok()?.parse().ok();
    let authority = request.uri().authority().cloned().or_else(host)?;
    // What stands before an `@` is no part of the host.
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    host_and_port.parse().ok().filter(is_host_and_port)
}

fn is_host_and_port(authority: &Authority) -> bool {
    !authority.host().is_empty() && !authority.as_str().contains('@')
}

pub(super) const FORWARDED: [&str; 5] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix"];

/// Removes what only a proxy may say.
fn remove_forwarded(headers: &mut HeaderMap) {
    for name in FORWARDED {
        headers.remove(name);
    }
}

/// What a proxy says of the request that it got. Of several values the last counts: it is the nearest proxy's.
#[derive(Debug, Default, PartialEq, Eq)]
struct Forwarded {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    prefix: String,
}

impl Forwarded {
    fn read(headers: &HeaderMap) -> Self {
        let own = |name: &str| last_value(headers, name);
        // RFC 7239, for proxies that send it and not the older headers.
        let standard = own("forwarded").unwrap_or_default();
        let scheme = own("x-forwarded-proto").or_else(|| parameter(standard, "proto"));
        let authority = own("x-forwarded-host").or_else(|| parameter(standard, "host"));
        Self {
            scheme: scheme.and_then(Scheme::from_token),
            authority: authority.and_then(|authority| authority.parse().ok()).filter(is_host_and_port),
            prefix: own("x-forwarded-prefix").and_then(path_prefix).unwrap_or_default(),
        }
    }
}

fn last_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).rfind(|value| !value.is_empty())
}

/// A parameter of an element of `Forwarded`, as `for=192.0.2.1;proto=https;host="a.example:8443"`.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"'))
}

fn path_prefix(text: &str) -> Option<String> {
    let path: PathAndQuery = text.parse().ok().filter(|_| text.starts_with('/'))?;
    Some(path.path().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const LOCAL: &str = "127.0.0.1:7410";

    fn config(public_url: Option<&str>) -> UrlConfig {
        UrlConfig {
            public_url: public_url.and_then(|url| url.parse().ok()),
            trusted_proxies: vec![IpNet::from(IpAddr::from([10, 0, 0, 1]))],
        }
    }

    fn request(peer: [u8; 4], target: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.extension(PeerAddr(peer.into())).body(Body::empty()).unwrap_or_default()
    }

    fn origin(config: &UrlConfig, request: Request) -> String {
        let request = resolve(request, config, LOCAL);
        request.extensions().get::<Origin>().map(ToString::to_string).unwrap_or_default()
    }

    const PROXY: [u8; 4] = [10, 0, 0, 1];
    const OTHER: [u8; 4] = [10, 0, 0, 2];

    #[test]
    fn origin_is_what_trusted_proxy_says() {
        let config = config(None);
        for headers in [
            &[("host", "inner"), ("x-forwarded-proto", "HTTPS"), ("x-forwarded-host", "a.example")][..],
            &[("host", "inner"), ("x-forwarded-proto", "http, https"), ("x-forwarded-host", "evil, a.example")],
            &[("host", "inner"), ("forwarded", "for=1.2.3.4;proto=http;host=b, For=x;Proto=https;Host=\"a.example\"")],
            &[("host", "a.example"), ("x-forwarded-proto", "https")],
        ] {
            assert_eq!(origin(&config, request(PROXY, "/", headers)), "https://a.example", "{headers:?}");
        }
        let headers = [("x-forwarded-host", "a.example:8443"), ("x-forwarded-prefix", "/sandbar/")];
        assert_eq!(origin(&config, request(PROXY, "/", &headers)), "http://a.example:8443/sandbar");
    }

    #[test]
    fn forwarded_headers_are_removed_when_peer_is_not_trusted() {
        let headers = [
            ("host", "a.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("forwarded", "host=evil;proto=https"),
        ];
        let request = resolve(request(OTHER, "/", &headers), &config(None), LOCAL);
        assert_eq!(request.extensions().get::<Origin>().map(ToString::to_string).as_deref(), Some("http://a.example"));
        assert_eq!(request.headers().len(), 1);
    }

    #[test]
    fn nonsense_of_trusted_proxy_does_not_count() {
        let headers = [
            ("host", "a.example"),
            ("x-forwarded-proto", "ftp"),
            ("x-forwarded-host", "b/../c"),
            ("x-forwarded-prefix", "no path"),
        ];
        assert_eq!(origin(&config(None), request(PROXY, "/", &headers)), "http://a.example");
    }

    #[test]
    fn target_in_absolute_form_counts_in_place_of_host() {
        let config = config(None);
        let host = [("host", "b.example")];
        assert_eq!(origin(&config, request(OTHER, "http://a.example:81/x", &host)), "http://a.example:81");
        assert_eq!(origin(&config, request(OTHER, "http://user:word@a.example/x", &host)), "http://a.example");
        assert_eq!(origin(&config, request(OTHER, "/x", &host)), "http://b.example");
        assert_eq!(origin(&config, request(OTHER, "/x", &[])), "http://127.0.0.1:7410");
    }

    #[test]
    fn public_url_counts_before_all_but_host_names_of_ports() {
        let config = config(Some("https://a.example/sandbar/"));
        assert_eq!(origin(&config, request(OTHER, "/x", &[("host", "b")])), "https://a.example/sandbar");
        let preview = [("host", "3000-sb-1.a.example")];
        assert_eq!(origin(&config, request(OTHER, "/x", &preview)), "https://3000-sb-1.a.example");
    }

    #[test]
    fn host_name_of_port_leads_to_it_however_it_is_said() {
        let path = |request| resolve(request, &config(None), LOCAL).uri().to_string();
        let name = "3000-sb-a1.localhost:8787";
        assert_eq!(path(request(OTHER, "/p?q", &[("host", name)])), "/envd/sb-a1/proxy/3000/p?q");
        assert_eq!(path(request(OTHER, &format!("http://{name}/p"), &[])), "/envd/sb-a1/proxy/3000/p");
        assert_eq!(path(request(PROXY, "/p", &[("x-forwarded-host", name)])), "/envd/sb-a1/proxy/3000/p");
        assert_eq!(path(request(OTHER, "/p", &[("x-forwarded-host", name)])), "/p");
    }

    #[test]
    fn public_url_has_scheme_and_host() {
        for url in ["a.example", "ftp://a.example", "https://", "https://u@a.example", "https://a.example?x", "/x", ""]
        {
            assert!(url.parse::<PublicUrl>().is_err(), "{url}");
        }
        assert_eq!(
            "HTTPS://a.example/".parse::<PublicUrl>().map(|url| url.0.to_string()).as_deref(),
            Ok("https://a.example")
        );
    }
}
