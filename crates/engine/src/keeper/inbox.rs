use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sandbar_protocol::Diagnostic;
use tokio::sync::mpsc;

use crate::driver::RuntimeNotice;

/// Passes the keeper's notices on to the engine, and knows which runtimes end with the keeper.
#[derive(Default)]
pub(super) struct Inbox(Mutex<State>);

#[derive(Default)]
struct State {
    listener: Option<mpsc::Sender<RuntimeNotice>>,
    /// The starts that run, by sandbox; 0 is a warm runtime.
    running: HashMap<String, u64>,
}

impl Inbox {
    /// Notices go here from now on.
    pub(super) fn listen(&self, listener: mpsc::Sender<RuntimeNotice>) {
        self.with(|state| state.listener = Some(listener));
    }

    pub(super) fn has_listener(&self) -> bool {
        self.with(|state| state.listener.is_some())
    }

    pub(super) fn runs(&self, sandbox_id: String, generation: u64) {
        self.with(|state| state.running.insert(sandbox_id, generation));
    }

    pub(super) fn ended(&self, sandbox_id: &str) {
        self.with(|state| state.running.remove(sandbox_id));
    }

    /// Waits until the engine has taken it.
    pub(super) async fn pass_on(&self, notice: RuntimeNotice) {
        if let RuntimeNotice::Exited { sandbox_id, .. } = &notice {
            self.ended(sandbox_id);
        }
        if let Some(listener) = self.with(|state| state.listener.clone()) {
            // It closes when the engine ends.
            let _ = listener.send(notice).await;
        }
    }

    /// The keeper ended: everything that ran has ended with it.
    pub(super) async fn keeper_lost(&self) {
        for (sandbox_id, generation) in self.with(|state| std::mem::take(&mut state.running)) {
            let status = "with the process that holds it".to_owned();
            self.pass_on(RuntimeNotice::Exited { sandbox_id, generation, status, cause: Some(lost()) }).await;
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The keeper ended, and with it every runtime.
pub(super) fn lost() -> Diagnostic {
    Diagnostic::new("keeper_lost", "the process that holds the sandboxes has ended").recommend(
        "connect() resumes a paused sandbox on its files; keeper.log in the data folder may say why it ended",
    )
}
