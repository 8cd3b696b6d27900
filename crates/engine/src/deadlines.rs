use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::time::{DelayQueue, delay_queue};

use crate::clock::{Clock, between};

/// The wall clock may be set while a timer runs: no timer trusts the earlier reading for longer than this.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// One timer for all sandboxes: tells when a deadline has passed, without ever scanning.
#[derive(Clone)]
pub(crate) struct Deadlines {
    changes: mpsc::UnboundedSender<(String, Option<Timestamp>)>,
}

impl Deadlines {
    /// Starts the timer's task, which ends with the last handle. `passed` gets the IDs whose deadline came round, at
    /// times a little early: the receiver compares with its clock and sets the deadline again.
    pub(crate) fn start(clock: Arc<dyn Clock>, passed: mpsc::UnboundedSender<String>) -> Self {
        let (changes, mut inbox) = mpsc::unbounded_channel::<(String, Option<Timestamp>)>();
        tokio::spawn(async move {
            let mut queue = DelayQueue::new();
            let mut keys: HashMap<String, delay_queue::Key> = HashMap::new();
            loop {
                tokio::select! {
                    change = inbox.recv() => {
                        let Some((id, deadline)) = change else { return };
                        if let Some(key) = keys.remove(&id) {
                            queue.remove(&key);
                        }
                        if let Some(deadline) = deadline {
                            let wait = between(clock.now(), deadline).min(MAX_WAIT);
                            keys.insert(id.clone(), queue.insert(id, wait));
                        }
                    }
                    Some(expired) = queue.next(), if !queue.is_empty() => {
                        let id = expired.into_inner();
                        keys.remove(&id);
                        if passed.send(id).is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Self { changes }
    }

    /// Sets, moves or (with `None`) clears a deadline.
    pub(crate) fn set(&self, id: &str, deadline: Option<Timestamp>) {
        // The task only ends with the engine.
        let _ = self.changes.send((id.to_owned(), deadline));
    }
}
