use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sandbar_protocol::Diagnostic;

use super::supervisor::Handle;
use crate::driver::shutting_down;

/// The runtimes that were started, by sandbox ID; `None` once the driver has shut down, and nothing starts any more.
pub(super) struct Runtimes(Mutex<Option<HashMap<String, Handle>>>);

impl Runtimes {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }

    /// Fails after [`Self::close`].
    pub(super) fn insert(&self, sandbox_id: &str, handle: Handle) -> Result<(), Diagnostic> {
        match self.lock().as_mut() {
            Some(runtimes) => drop(runtimes.insert(sandbox_id.to_owned(), handle)),
            None => return Err(shutting_down()),
        }
        Ok(())
    }

    pub(super) fn get(&self, sandbox_id: &str) -> Option<Handle> {
        self.lock().as_ref()?.get(sandbox_id).cloned()
    }

    pub(super) fn all(&self) -> Vec<(String, Handle)> {
        self.lock().iter().flatten().map(|(id, handle)| (id.clone(), handle.clone())).collect()
    }

    pub(super) fn remove(&self, sandbox_id: &str) {
        self.lock().as_mut().and_then(|runtimes| runtimes.remove(sandbox_id));
    }

    /// All that were there; none is added from here on.
    pub(super) fn close(&self) -> Vec<Handle> {
        self.lock().take().into_iter().flat_map(HashMap::into_values).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<String, Handle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
