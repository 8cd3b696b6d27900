use hyper::Uri;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sandbar_protocol::{Envd, PublicState, Secret};
use tokio::time::Instant;
use url::Url;

use super::Runtime;
use crate::base_url::is_loopback;
use crate::error::NotRunning;
use crate::{CallOptions, ClientError};

/// Where a runtime is, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Access {
    place: Mutex<Option<Place>>,
    /// When the runtime last took the token.
    proven: Mutex<Option<Instant>>,
}

/// How long a token that was taken is trusted to be taken again.
const TRUSTED: Duration = Duration::from_secs(5);

/// Where a runtime is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    url: Url,
    /// Where it is, as requests name it.
    pub(crate) server: Uri,
    pub(crate) token: Secret,
}

impl Place {
    /// Nothing of a URL that is none, or no web address.
    pub(super) fn of(envd: Envd) -> Option<Self> {
        let url: Url = envd.envd_url?.trim_end_matches('/').parse().ok()?;
        let server = url.as_str().parse().ok()?;
        matches!(url.scheme(), "http" | "https").then(|| Self {
            url,
            server,
            token: envd.envd_access_token.unwrap_or_default(),
        })
    }

    /// Whether others on the network can read what is sent there.
    pub(crate) fn is_exposed(&self) -> bool {
        self.url.scheme() == "http" && !is_loopback(&self.url)
    }

    pub(super) fn into_envd(self) -> Envd {
        Envd { envd_access_token: Some(self.token), envd_url: Some(self.url.to_string()) }
    }

    /// The URL of a route, whose path begins with a slash and needs no escaping.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&self.path_of(path));
        url
    }

    /// The path of a route on its server. `path` begins with a slash and may have a query. It goes through no parser: what
    /// was checked is what is sent.
    pub(crate) fn path_of(&self, path: &str) -> String {
        format!("{}{path}", self.url.path().trim_end_matches('/'))
    }
}

impl Access {
    pub(super) fn set(&self, envd: Option<Envd>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = envd.and_then(Place::of);
    }

    /// The runtime has just taken the token.
    pub(super) fn proven(&self) {
        *self.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The token is asked about before it is needed again.
    pub(super) fn doubted(&self) {
        *self.proven.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn is_trusted(&self) -> bool {
        let proven = *self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.is_some_and(|proven| proven.elapsed() < TRUSTED)
    }

    pub(super) fn get(&self) -> Option<Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Runtime {
    /// Where the runtime is: as it is known, or else as the sandbox's detail says.
    pub(super) async fn place(&self, call: &CallOptions) -> Result<Place, ClientError> {
        match self.access.get() {
            Some(place) => Ok(place),
            None => self.look(call).await,
        }
    }

    /// Where the runtime is now, if that is another place than the one that refused.
    pub(super) async fn place_after(&self, refused: &Place, call: &CallOptions) -> Result<Option<Place>, ClientError> {
        let now = match self.access.get() {
            // Another call has found out already.
            Some(known) if known != *refused => known,
            _ => self.look(call).await?,
        };
        Ok((now != *refused).then_some(now))
    }

    /// Makes sure that the runtime is there and takes the token, before what can't be sent twice.
    pub(super) async fn make_sure(&self, call: &CallOptions) -> Result<(), ClientError> {
        if self.access.get().is_some() && self.access.is_trusted() {
            return Ok(());
        }
        match self.stat(".", call).await {
            // Whoever removed the workspace still has a runtime.
            Err(error) if error.is_gone() => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// The error of a runtime whose place is not known; nobody was asked.
    pub(super) fn not_running(&self) -> ClientError {
        let sandbox_id = self.sandbox_id.to_string();
        let (state, diagnostic, request_id) = (None, None, String::new());
        ClientError::NotRunning(Box::new(NotRunning { sandbox_id, state, diagnostic, request_id }))
    }

    /// Where the runtime is now, as the sandbox's detail says.
    pub(super) async fn look(&self, call: &CallOptions) -> Result<Place, ClientError> {
        let answer = self.client.get(&self.sandbox_id, call.clone()).await?;
        let sandbox = answer.value;
        let state = sandbox.public_state().cloned();
        // A service that says no state may still say where the runtime is.
        let runs = state.as_ref().is_none_or(|state| *state == PublicState::Running);
        let place = sandbox.envd.filter(|_| runs).and_then(Place::of);
        let Some(place) = place else {
            self.access.set(None);
            return Err(ClientError::NotRunning(Box::new(NotRunning {
                sandbox_id: self.sandbox_id.to_string(),
                state,
                diagnostic: sandbox.diagnostic,
                request_id: answer.request_id,
            })));
        };
        *self.access.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place.clone());
        Ok(place)
    }
}
