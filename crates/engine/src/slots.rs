use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sandbar_protocol::InternalState;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the engine holds in memory for a sandbox while someone works on it or waits for it.
pub(crate) struct Slot {
    /// Calls on one sandbox go one after the other; a start that goes on beside them is held in here.
    pub(crate) turn: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    /// The state as last stored, for those who wait.
    pub(crate) state: watch::Sender<Option<InternalState>>,
}

/// The slots by sandbox ID. A slot lives as long as someone holds it.
#[derive(Default)]
pub(crate) struct Slots {
    slots: Mutex<HashMap<String, Weak<Slot>>>,
}

impl Slots {
    /// The sandbox's slot.
    pub(crate) fn get(&self, id: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(id).and_then(Weak::upgrade) {
            return slot;
        }
        // Dead entries cost little: they are swept when the map would have to grow.
        if slots.len() == slots.capacity() {
            slots.retain(|_, slot| slot.strong_count() > 0);
        }
        let slot = Arc::new(Slot { turn: tokio::sync::Mutex::new(None), state: watch::channel(None).0 });
        slots.insert(id.to_owned(), Arc::downgrade(&slot));
        slot
    }
}
