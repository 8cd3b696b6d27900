use std::sync::{Mutex, PoisonError};

use sandbar_protocol::{Envd, PublicState, Secret};
use url::Url;

use super::Runtime;
use crate::error::NotRunning;
use crate::{CallOptions, ClientError};

/// Where a runtime is, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Access {
    place: Mutex<Option<Place>>,
}

/// Where a runtime is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) url: Url,
    pub(crate) token: Secret,
}

impl Place {
    /// Nothing of a URL that is none, or no web address.
    fn of(envd: Envd) -> Option<Self> {
        let url: Url = envd.envd_url?.trim_end_matches('/').parse().ok()?;
        matches!(url.scheme(), "http" | "https")
            .then(|| Self { url, token: envd.envd_access_token.unwrap_or_default() })
    }

    pub(super) fn into_envd(self) -> Envd {
        Envd { envd_access_token: Some(self.token), envd_url: Some(self.url.to_string()) }
    }

    /// The URL of a route, whose path begins with a slash and needs no escaping.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url
    }
}

impl Access {
    pub(super) fn set(&self, envd: Option<Envd>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = envd.and_then(Place::of);
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
