use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use hyper::header::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

/// A proxy: where it is, and who one is to it.
#[derive(Clone)]
pub(crate) struct ProxyServer {
    pub(super) uri: Uri,
    pub(super) kind: Kind,
    user: Option<(String, String)>,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It speaks HTTP, within TLS or without.
    Http,
    /// It speaks SOCKS 5, and gets addresses.
    Socks,
    /// It speaks SOCKS 5, and gets names.
    SocksWithNames,
}

impl ProxyServer {
    /// Reads a proxy's URL: http, https, socks5 or socks5h. `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok().filter(Url::has_host)?;
        let (kind, default_port) = match url.scheme() {
            "http" => (Kind::Http, 80),
            "https" => (Kind::Http, 443),
            "socks5" => (Kind::Socks, 1080),
            "socks5h" => (Kind::SocksWithNames, 1080),
            _ => return None,
        };
        let port = url.port_or_known_default().unwrap_or(default_port);
        let uri = format!("{}://{}:{port}", url.scheme(), url.host()?).parse().ok()?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        let user = has_user.then(|| (unescaped(url.username()), unescaped(url.password().unwrap_or_default())));
        Some(Self { uri, kind, user })
    }

    /// The header for a proxy that speaks HTTP, if it wants to know who asks.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let (name, password) = self.user.as_ref().filter(|_| self.kind == Kind::Http)?;
        let mut value =
            HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    pub(super) fn user(&self) -> Option<(String, String)> {
        self.user.clone()
    }
}

/// A part of a URL in which bytes stand as `%xx`.
fn unescaped(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization(url: &str) -> Option<String> {
        let value = ProxyServer::parse(url).unwrap().authorization()?;
        let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
        Some(String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap())
    }

    #[test]
    fn a_proxy_has_its_scheme_s_port_unless_it_names_one() {
        for (url, uri) in [
            ("http://p", "http://p:80/"),
            ("https://p", "https://p:443/"),
            ("socks5://p", "socks5://p:1080/"),
            ("http://p:3128/x", "http://p:3128/"),
            ("http://[::1]:1", "http://[::1]:1/"),
        ] {
            assert_eq!(ProxyServer::parse(url).unwrap().uri.to_string(), uri, "{url}");
        }
    }

    #[test]
    fn a_name_and_password_are_read_as_they_were_meant() {
        assert_eq!(authorization("http://p"), None);
        assert_eq!(authorization("http://me:a%40b%25c@p").unwrap(), "me:a@b%c");
        assert_eq!(authorization("http://me@p").unwrap(), "me:");
        assert_eq!(authorization("http://me:%zz%4@p").unwrap(), "me:%zz%4");
        assert_eq!(authorization("socks5://me:x@p"), None);
    }

    #[test]
    fn what_is_no_proxy_is_none() {
        for url in ["ftp://p", "http://", "p:3128", ""] {
            assert!(ProxyServer::parse(url).is_none(), "{url}");
        }
    }
}
