use std::collections::BTreeMap;

/// Environment variables, as a map: the process's own, or those that a caller passes in.
///
/// An empty variable counts as unset. There is no `Debug`: keys are in here.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables that say which service, and as whom.
    pub const SERVICE_NAMES: [&'static str; 3] = ["SEACLOUD_BASE_URL", "SEACLOUD_API_KEY", "SEACLOUD_PROJECT_ID"];

    /// Those that do where none of [`Self::SERVICE_NAMES`] is set.
    pub const FALLBACK_NAMES: [&'static str; 2] = ["E2B_DOMAIN", "E2B_API_KEY"];

    /// The variables that say how to get there and what to print. Other programs read most of them as well.
    pub const SETUP_NAMES: [&'static str; 11] = [
        "https_proxy",
        "HTTPS_PROXY",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
        "REQUEST_METHOD",
        "NODE_EXTRA_CA_CERTS",
        "SANDBAR_LOG",
    ];

    /// The variables of this process.
    pub fn of_process() -> Self {
        let names = Self::SERVICE_NAMES.into_iter().chain(Self::FALLBACK_NAMES).chain(Self::SETUP_NAMES);
        names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
    }

    /// What the environment says about the service.
    ///
    /// The `E2B_` variables count only as a pair, and only where no `SEACLOUD_` variable is set.
    pub(crate) fn service(&self) -> Service {
        let [base_url, api_key, project_id] = Self::SERVICE_NAMES.map(|name| self.given(name));
        let [domain, e2b_key] = Self::FALLBACK_NAMES.map(|name| self.given(name));
        if base_url.is_some() || api_key.is_some() || project_id.is_some() {
            return Service { base_url, api_key, project_id, only_as_pair: false, remark: "" };
        }
        match (domain, e2b_key) {
            (Some(domain), Some(key)) => Service {
                base_url: Some(Given { value: format!("https://api.{}", domain.value), source: domain.source }),
                api_key: Some(key),
                only_as_pair: true,
                ..Service::default()
            },
            (None, None) => Service::default(),
            (Some(_), None) => Service { remark: " (E2B_DOMAIN counts only with E2B_API_KEY)", ..Service::default() },
            (None, Some(_)) => Service { remark: " (E2B_API_KEY counts only with E2B_DOMAIN)", ..Service::default() },
        }
    }

    /// The proxy for URLs of a scheme. Lower case wins, as in Node and curl.
    pub(crate) fn proxy(&self, scheme: &str) -> Option<Given> {
        // In a CGI program, HTTP_PROXY is what a visitor sent as the header `Proxy`.
        let is_cgi = self.given("REQUEST_METHOD").is_some();
        let own = match scheme {
            "https" => self.first(["https_proxy", "HTTPS_PROXY"]),
            _ if is_cgi => self.given("http_proxy"),
            _ => self.first(["http_proxy", "HTTP_PROXY"]),
        };
        own.or_else(|| self.first(["all_proxy", "ALL_PROXY"]))
    }

    /// Which hosts have no proxy before them.
    pub(crate) fn no_proxy(&self) -> Option<Given> {
        self.first(["no_proxy", "NO_PROXY"])
    }

    /// The path of a PEM file with authorities to trust beside the system's.
    pub(crate) fn extra_ca(&self) -> Option<String> {
        self.given("NODE_EXTRA_CA_CERTS").map(|given| given.value)
    }

    /// Which `tracing` events to print: `debug`, or `target=level` with commas between.
    pub fn log_filter(&self) -> Option<String> {
        self.given("SANDBAR_LOG").map(|given| given.value)
    }

    fn first(&self, names: [&'static str; 2]) -> Option<Given> {
        names.into_iter().find_map(|name| self.given(name))
    }

    fn given(&self, name: &'static str) -> Option<Given> {
        let value = self.0.get(name).filter(|value| !value.is_empty())?;
        Some(Given { value: value.clone(), source: name })
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// A text, and where it came from: an option's or a variable's name.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) value: String,
    pub(crate) source: &'static str,
}

/// One consistent set of variables.
#[derive(Default)]
pub(crate) struct Service {
    pub(crate) base_url: Option<Given>,
    pub(crate) api_key: Option<Given>,
    pub(crate) project_id: Option<Given>,
    /// Whether the host and the key are of use only together.
    pub(crate) only_as_pair: bool,
    /// Why variables that are there did not count.
    pub(crate) remark: &'static str,
}
