use hyper::Uri;
use url::{Host, Url};

use crate::ClientError;
use crate::environment::Given;

/// Prefixes that a base URL may carry already.
const API_PREFIXES: [&str; 3] = ["/api/v1", "/api/v1/sandbox", "/api/sandbox/v1"];

/// Where the service's API begins, as `https://host/api/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    root: Url,
    /// Where it is, as requests name it.
    server: Uri,
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.root.fmt(f)
    }
}

impl BaseUrl {
    /// Reads a base URL: http or https, no credentials, no query. `/api/v1` is added unless an API prefix is there.
    pub(crate) fn parse(given: &Given) -> Result<Self, ClientError> {
        let source = given.source;
        let refuse = |why: &str| {
            ClientError::configuration(
                "baseUrl",
                format!("{source} {why}: pass the service's URL, as \"https://host\""),
            )
        };
        let text = given.value.trim();
        if text.is_empty() {
            return Err(refuse("is empty"));
        }
        let mut root = Url::parse(text).map_err(|error| refuse(&format!("is not a URL ({error})")))?;
        if !matches!(root.scheme(), "http" | "https") {
            return Err(refuse(&format!("must be an http or https URL, got the scheme {:?}", root.scheme())));
        }
        if !root.username().is_empty() || root.password().is_some() {
            return Err(refuse("must not carry a user name or password"));
        }
        if root.query().is_some() || root.fragment().is_some() {
            return Err(refuse("must not carry a query or fragment"));
        }
        let path = root.path().trim_end_matches('/').to_owned();
        let carries_prefix = API_PREFIXES.iter().any(|prefix| path.ends_with(prefix));
        root.set_path(&if carries_prefix { path } else { path + "/api/v1" });
        let server = root.as_str().parse().map_err(|error| refuse(&format!("is not a URL ({error})")))?;
        Ok(Self { root, server })
    }

    /// The whole path of a route; `path` begins with a slash and needs no escaping.
    pub(crate) fn path_of(&self, path: &str) -> String {
        format!("{}{path}", self.root.path())
    }

    /// Where requests go; its path does not count.
    pub(crate) fn server(&self) -> &Uri {
        &self.server
    }

    pub(crate) fn url(&self) -> &Url {
        &self.root
    }

    /// Scheme, host and port, for messages.
    pub fn origin(&self) -> String {
        self.root.origin().ascii_serialization()
    }
}

/// Whether requests to a URL stay on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<BaseUrl, ClientError> {
        BaseUrl::parse(&Given { value: text.to_owned(), source: "`baseUrl`" })
    }

    #[test]
    fn a_prefix_is_added_unless_one_is_there() {
        for (base, route) in [
            ("http://a", "http://a/api/v1/sandboxes"),
            ("http://a/", "http://a/api/v1/sandboxes"),
            ("http://a:8080//", "http://a:8080/api/v1/sandboxes"),
            ("https://a/team", "https://a/team/api/v1/sandboxes"),
            ("https://a/api/v1", "https://a/api/v1/sandboxes"),
            ("https://a/api/v1/", "https://a/api/v1/sandboxes"),
            ("https://a/gate/api/v1", "https://a/gate/api/v1/sandboxes"),
            ("https://a/api/v1/sandbox", "https://a/api/v1/sandbox/sandboxes"),
            ("https://a/api/sandbox/v1/", "https://a/api/sandbox/v1/sandboxes"),
            ("https://a/api/v2", "https://a/api/v2/api/v1/sandboxes"),
            (" http://[::1]:7 ", "http://[::1]:7/api/v1/sandboxes"),
        ] {
            let base_url = parse(base).unwrap();
            let joined = format!("{}{}", base_url.origin(), base_url.path_of("/sandboxes"));
            assert_eq!(joined, route, "{base}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for (bad, why) in [
            ("", "`baseUrl` is empty"),
            ("a.example", "is not a URL"),
            ("ftp://a", "must be an http or https URL, got the scheme \"ftp\""),
            ("http://user:hush@a", "must not carry a user name"),
            ("http://a?key=hush", "must not carry a query"),
            ("http://a#x", "must not carry a query or fragment"),
            ("http://", "is not a URL"),
        ] {
            let message = parse(bad).unwrap_err().to_string();
            assert!(message.contains(why), "{bad}: {message}");
            assert!(message.ends_with("pass the service's URL, as \"https://host\""), "{message}");
            assert!(!message.contains("hush"), "{message}");
        }
    }

    #[test]
    fn loopback_hosts_are_known() {
        for here in ["http://localhost", "http://a.localhost", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]"]
        {
            assert!(is_loopback(parse(here).unwrap().url()), "{here}");
        }
        for elsewhere in ["http://localhost.example", "http://10.0.0.1", "http://[::2]"] {
            assert!(!is_loopback(parse(elsewhere).unwrap().url()), "{elsewhere}");
        }
    }
}
