use std::sync::{Arc, Mutex, PoisonError};

use napi::Status;
use napi::bindgen_prelude::{Function, Result};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use sandbar_client::{Event, EventSink};

/// A function of the JS thread, which does not keep the process alive.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// The events of the clients that were opened with it, until the JS face takes them.
///
/// They are kept here, and not handed over one by one, so that those of a call can be taken before its promise settles,
/// whether or not the JS thread was woken in between.
#[napi]
pub struct EventQueue {
    shared: Arc<Shared>,
}

struct Shared {
    events: Mutex<Vec<Event>>,
    wake: Wake,
}

#[napi]
impl EventQueue {
    /// Makes a queue; `wake` is called, with nothing, some time after there are events where there were none.
    #[napi(constructor)]
    pub fn new(wake: Function<'_, (), ()>) -> Result<Self> {
        let wake = wake.build_threadsafe_function::<()>().callee_handled::<false>().weak::<true>().build()?;
        Ok(Self { shared: Arc::new(Shared { events: Mutex::default(), wake }) })
    }

    /// Takes the events out: the JSON text of an array, or null if there are none.
    #[napi]
    pub fn take(&self) -> Option<String> {
        let events = std::mem::take(&mut *self.shared.events.lock().unwrap_or_else(PoisonError::into_inner));
        // Strings and numbers always serialise.
        if events.is_empty() { None } else { serde_json::to_string(&events).ok() }
    }

    pub(crate) fn sink(&self) -> Arc<dyn EventSink> {
        Arc::clone(&self.shared) as _
    }
}

impl EventSink for Shared {
    fn take(&self, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = events.is_empty();
        events.push(event);
        drop(events);
        if was_empty {
            // Refused only when the JS thread is at its end.
            self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}
