//! The pool of connections of a transport.

use rustls::ClientConfig;

use crate::base_url::is_loopback;
use crate::http::Http;
use crate::journal::{EventFields, Journal};
use crate::transport::{Failure, Transport};
use crate::{Endpoint, extra_ca, tls};

impl Transport {
    pub(crate) fn http(&self, journal: &Journal) -> Result<&Http, Failure> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        // Two first requests at once may both make one; the first to be done is kept.
        let http = self.make_http(journal)?;
        Ok(self.http.get_or_init(|| http))
    }

    /// Where each request goes on a new connection: one that was used before may be dead without anybody's knowledge.
    pub(crate) fn http_without_pool(&self, journal: &Journal) -> Result<&Http, Failure> {
        if let Some(http) = self.http_without_pool.get() {
            return Ok(http);
        }
        let http = Http::without_pool(self.tls(journal)?, self.endpoint.proxies.clone(), self.endpoint.connect_timeout);
        Ok(self.http_without_pool.get_or_init(|| http))
    }

    fn make_http(&self, journal: &Journal) -> Result<Http, Failure> {
        let Endpoint { base_url, proxies, .. } = &self.endpoint;
        journal.debug(|| {
            let way = if self.endpoint.proxy().is_some() { " through a proxy" } else { "" };
            let origin = base_url.origin();
            (
                format!("opens connections to {origin}{way}"),
                EventFields { origin: Some(origin), ..EventFields::default() },
            )
        });
        Ok(Http::new(self.tls(journal)?, proxies.clone(), self.endpoint.connect_timeout))
    }

    fn tls(&self, journal: &Journal) -> Result<ClientConfig, Failure> {
        let Endpoint { base_url, proxies, ca, extra_ca, .. } = &self.endpoint;
        if let Some(pem) = ca {
            return tls::trusting_only(pem).map_err(Failure::Setup);
        }
        // The sandboxes of a service on this machine are there as well.
        let is_local = is_loopback(base_url.url()) && base_url.url().scheme() == "http";
        let needed = !is_local || proxies.may_have_tls();
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
