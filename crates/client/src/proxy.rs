//! Which proxy stands before a host: by option, or by the variables that other programs read as well.

use std::net::{IpAddr, Ipv6Addr};

use hyper::Uri;
use sandbar_protocol::Secret;
use url::{Host, Url};

use crate::base_url::is_loopback;
use crate::http::{HttpError, ProxyServer};
use crate::{ClientError, Environment};

/// Which proxy stands before which host.
///
/// It is decided for each host that a request goes to: a sandbox may be elsewhere than the service. The option `proxy` stands
/// before every host but this machine, whatever `NO_PROXY` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    option: Option<Secret>,
    /// The variable for http and its value, unchecked: it may never count.
    http: Option<(&'static str, Secret)>,
    /// The same for https.
    https: Option<(&'static str, Secret)>,
    no_proxy: Option<String>,
}

impl Proxies {
    /// Takes in the option and the variables. The option is checked even where it is not used.
    pub(crate) fn new(option: Option<&Secret>, environment: &Environment) -> Result<Self, ClientError> {
        let variable = |scheme| environment.proxy(scheme).map(|given| (given.source, Secret::new(given.value)));
        Ok(Self {
            option: option.map(|url| check(url.expose(), "`proxy`")).transpose()?,
            http: variable("http"),
            https: variable("https"),
            no_proxy: environment.no_proxy().map(|given| given.value),
        })
    }

    /// The URL of the proxy before a host; none before this machine, and before those that `NO_PROXY` names.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] if the variable that counts is no proxy's URL.
    pub fn before(&self, url: &Url) -> Result<Option<Secret>, ClientError> {
        if is_loopback(url) {
            return Ok(None);
        }
        if self.option.is_some() {
            return Ok(self.option.clone());
        }
        let variable = if url.scheme() == "https" { &self.https } else { &self.http };
        let Some((source, value)) = variable else { return Ok(None) };
        if self.no_proxy.as_ref().is_some_and(|list| is_exempt(url, list)) {
            return Ok(None);
        }
        // As everywhere, a proxy's variable may leave the scheme out.
        let value = value.expose();
        let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
        check(&url, source).map(Some)
    }

    /// Whether there is none before any host.
    pub(crate) fn are_none(&self) -> bool {
        self.option.is_none() && self.http.is_none() && self.https.is_none()
    }

    /// The proxy on the way to a server.
    pub(crate) fn server_before(&self, server: &Uri) -> Result<Option<ProxyServer>, HttpError> {
        if self.are_none() {
            return Ok(None);
        }
        let proxy = self.before(&Url::parse(&server.to_string())?)?;
        Ok(proxy.and_then(|url| ProxyServer::parse(url.expose())))
    }

    /// Whether there is a proxy on the way to a server, or would be if it were a right one.
    pub(crate) fn stand_before(&self, server: &Uri) -> bool {
        !matches!(self.server_before(server), Ok(None))
    }

    /// Whether one of them may be spoken to by TLS.
    pub(crate) fn may_have_tls(&self) -> bool {
        let values = [&self.http, &self.https].into_iter().flatten().map(|(_, value)| value);
        self.option.iter().chain(values).any(|url| url.expose().starts_with("https:"))
    }
}

/// What is wrong with it is said without repeating it: a password may be in it.
fn check(url: &str, source: &str) -> Result<Secret, ClientError> {
    if ProxyServer::parse(url).is_some() {
        return Ok(Secret::new(url));
    }
    let message =
        format!("{source} is not a proxy's URL: pass one with http, https or socks5, as \"http://proxy.example:3128\"");
    Err(ClientError::configuration("proxy", message))
}

/// Whether a list as in `NO_PROXY` names the URL's host: entries with commas or spaces between them, each `*`, a host
/// (which stands for its subdomains too), an address or a network; a host or address may have a port.
fn is_exempt(url: &Url, list: &str) -> bool {
    let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    entries.into_iter().any(|entry| entry == "*" || names(entry, url).unwrap_or(false))
}

fn names(entry: &str, url: &Url) -> Option<bool> {
    let (name, port) = split_port(entry);
    if port.is_some() && port != url.port_or_known_default() {
        return Some(false);
    }
    Some(match url.host()? {
        Host::Domain(host) => is_within_domain(host, name),
        Host::Ipv4(address) => is_within_network(address.into(), name)?,
        Host::Ipv6(address) => is_within_network(address.into(), name)?,
    })
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn is_within_domain(host: &str, domain: &str) -> bool {
    let host = host.trim_end_matches('.');
    let domain = domain.strip_prefix('*').unwrap_or(domain).trim_matches('.').to_ascii_lowercase();
    // URLs hold hosts in lower case.
    !domain.is_empty() && host.strip_suffix(domain.as_str()).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
}

fn is_within_network(address: IpAddr, network: &str) -> Option<bool> {
    let (start, length) = network.split_once('/').unwrap_or((network, ""));
    let start: IpAddr = start.parse().ok()?;
    let (bits, width) = bits_of(address);
    let (start_bits, start_width) = bits_of(start);
    let length = if length.is_empty() { width } else { length.parse().ok().filter(|length| *length <= width)? };
    let differing = (bits ^ start_bits).checked_shr(width - length).unwrap_or(0);
    Some(width == start_width && differing == 0)
}

/// The address as a number, and how many bits it has.
fn bits_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (u128::from(address), Ipv6Addr::BITS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exempt(url: &str, list: &str) -> bool {
        is_exempt(&Url::parse(url).unwrap(), list)
    }

    #[test]
    fn a_list_names_hosts_with_their_subdomains() {
        for list in ["a.example", ".a.example", "*.a.example", "A.Example", "x, a.example", "x a.example", "*"] {
            assert!(exempt("https://a.example", list), "{list}");
            assert!(exempt("https://b.a.example", list), "{list}");
        }
        for list in ["", ",", ".", "*.", "a.exampl", "b.a.example", "ba.example", "xample", "a.example.org", "10.0.0.1"]
        {
            assert!(!exempt("https://a.example", list), "{list}");
        }
        assert!(!exempt("https://ba.example", "a.example"));
    }

    #[test]
    fn a_list_names_ports() {
        assert!(exempt("https://a.example", "a.example:443"));
        assert!(exempt("http://b.a.example:8080", ".a.example:8080"));
        assert!(!exempt("https://a.example:8443", "a.example:443"));
        assert!(exempt("http://10.1.2.3:80", "10.1.2.3:80"));
        assert!(exempt("http://[fd00::1]:81", "[fd00::1]:81"));
        assert!(!exempt("http://[fd00::1]:81", "[fd00::1]:82"));
    }

    #[test]
    fn a_list_names_addresses_and_networks() {
        for list in ["10.1.2.3", "10.1.2.0/24", "10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0"] {
            assert!(exempt("http://10.1.2.3", list), "{list}");
        }
        for list in ["10.1.2.4", "10.1.3.0/24", "10.1.2.3/33", "10.1.2.3/x", "::/0", "1.2.3"] {
            assert!(!exempt("http://10.1.2.3", list), "{list}");
        }
        assert!(exempt("http://[fd00::7]", "fd00::/8"));
        assert!(exempt("http://[fd00::7]", "fd00::7"));
        assert!(!exempt("http://[fe80::7]", "fd00::/8"));
        assert!(!exempt("http://[fe80::7]", "0.0.0.0/0"));
    }
}
