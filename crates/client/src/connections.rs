//! The pool of connections of a transport.

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Proxy, redirect};
use rustls::ClientConfig;

use crate::journal::{EventFields, Journal};
use crate::transport::{Failure, Transport};
use crate::{Endpoint, extra_ca, tls};

const USER_AGENT: &str = concat!("sandbar/", env!("CARGO_PKG_VERSION"));
/// How many connections are kept for later calls: a burst of calls needs more only while it lasts.
const MOST_IDLE: usize = 128;

impl Transport {
    pub(crate) fn http(&self, journal: &Journal) -> Result<&reqwest::Client, Failure> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        // Two first requests at once may both make one; the first to be done is kept.
        let http = self.make_http(journal)?;
        Ok(self.http.get_or_init(|| http))
    }

    fn make_http(&self, journal: &Journal) -> Result<reqwest::Client, Failure> {
        let Endpoint { base_url, proxy, .. } = &self.endpoint;
        journal.debug(|| {
            let way = if proxy.is_some() { " through a proxy" } else { "" };
            let origin = base_url.origin();
            (
                format!("opens connections to {origin}{way}"),
                EventFields { origin: Some(origin), ..EventFields::default() },
            )
        });
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]))
            .tls_backend_preconfigured(self.tls(journal)?)
            .redirect(redirect::Policy::none())
            .connect_timeout(self.endpoint.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(MOST_IDLE)
            .tcp_nodelay(true)
            // A command may be silent for hours: the system finds out whether its connection is still there.
            .tcp_keepalive(Duration::from_secs(30))
            // The configuration chose the proxy; reqwest would read the process's environment anew.
            .no_proxy();
        if let Some(proxy) = proxy {
            builder = builder.proxy(Proxy::all(proxy.expose())?);
        }
        Ok(builder.build()?)
    }

    fn tls(&self, journal: &Journal) -> Result<ClientConfig, Failure> {
        let Endpoint { base_url, proxy, ca, extra_ca, .. } = &self.endpoint;
        if let Some(pem) = ca {
            return tls::trusting_only(pem).map_err(Failure::Setup);
        }
        let is_tls_to = |url: &str| url.starts_with("https:");
        let needed = is_tls_to(base_url.url().as_str()) || proxy.as_ref().is_some_and(|url| is_tls_to(url.expose()));
        let extra = match extra_ca.as_deref().filter(|_| needed).map(extra_ca::read) {
            None => None,
            Some(Ok(roots)) => Some(roots),
            Some(Err(warning)) => {
                journal.warn(|| (warning, EventFields::default()));
                None
            }
        };
        tls::trusting_system_and(extra).map_err(Failure::Setup)
    }
}
