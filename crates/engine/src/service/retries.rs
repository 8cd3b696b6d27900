//! Events that could not be stored or carried out: repeated until they are, so that none is lost.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Service;
use crate::error::EngineError;
use crate::lifecycle::Event;

/// How long until the first repetition; each further wait is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const MAX_WAIT: Duration = Duration::from_secs(15);

/// The events that are to be repeated, by sandbox, oldest first. A sandbox without any has no entry.
#[derive(Default)]
pub(super) struct Retries(Mutex<HashMap<String, VecDeque<Event>>>);

impl Retries {
    /// Adds an event unless it is there already; whether it is the sandbox's only one.
    fn add(&self, id: &str, event: Event) -> bool {
        match self.lock().entry(id.to_owned()) {
            Entry::Vacant(entry) => {
                entry.insert(VecDeque::from([event]));
                true
            }
            Entry::Occupied(mut entry) => {
                if !entry.get().contains(&event) {
                    entry.get_mut().push_back(event);
                }
                false
            }
        }
    }

    fn first(&self, id: &str) -> Option<Event> {
        self.lock().get(id).and_then(VecDeque::front).cloned()
    }

    fn remove_first(&self, id: &str) {
        if let Entry::Occupied(mut entry) = self.lock().entry(id.to_owned()) {
            entry.get_mut().pop_front();
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Event>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Repeats an event until it is stored and carried out, or the engine ends: the next one finds in the records and
    /// runtimes what is left to do. One that is superseded meanwhile changes nothing.
    pub(super) fn retry(&self, id: &str, event: Event, error: &EngineError) {
        if self.inner.closing.is_cancelled() || !self.inner.retries.add(id, event) {
            return;
        }
        // Once, and not for each attempt.
        tracing::error!(sandbox = id, "{error}: it is tried again until it succeeds");
        let (service, id) = (self.clone(), id.to_owned());
        self.inner.tasks.spawn(async move { service.repeat(&id).await });
    }

    /// One sandbox's events, one after the other.
    async fn repeat(&self, id: &str) {
        let mut wait = FIRST_WAIT;
        while let Some(event) = self.inner.retries.first(id) {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.inner.closing.cancelled() => return,
            }
            match self.apply_in_turn(id, event).await {
                Ok(_) => tracing::info!(sandbox = id, "what had failed has succeeded"),
                Err(EngineError::NotFound(_)) => {}
                Err(error) => {
                    tracing::debug!(sandbox = id, "{error}");
                    wait = (wait * 2).min(MAX_WAIT);
                    continue;
                }
            }
            self.inner.retries.remove_first(id);
            wait = FIRST_WAIT;
        }
    }
}
