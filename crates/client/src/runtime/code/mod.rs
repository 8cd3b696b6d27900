//! Code that runs in a sandbox: Python in contexts that keep their variables, other languages once and for all.
//!
//! A context is a process of its own, which runs the driver in `driver/` and is found again by its tag: by this client
//! and by any other.

mod arguments;
mod context;
mod contexts;
mod execution;
mod failure;
mod language;
mod limit;
mod message;
mod once;
mod running;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::Runtime;
use crate::TraceContext;
pub use arguments::{ContextCall, CreateContextCall};
pub use context::CodeContext;
pub use execution::{CodeCall, CodeEvent};
use session::Session;

/// What contexts of Python are called by, among the tags of processes.
const TAG_PREFIX: &str = "sandbar-code-";
/// The context of code that names none.
const DEFAULT_CONTEXT: &str = "default";

/// The code of one sandbox. Cheap to clone; clones share the contexts that they have reached.
#[derive(Clone, Debug)]
pub struct Code {
    runtime: Runtime,
    sessions: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<Slot>>>>>,
}

/// The place of a context's session.
#[derive(Debug, Default)]
struct Slot {
    session: Option<Arc<Session>>,
    worker: LastWorker,
}

/// The name of the Python process that ran this client's last code in a context: another one has not its variables.
type LastWorker = Arc<Mutex<Option<String>>>;

impl Runtime {
    /// The code of this sandbox.
    pub fn code(&self) -> Code {
        Code { runtime: self.clone(), sessions: Arc::default() }
    }
}

impl Code {
    /// The same, whose requests belong to a trace.
    #[must_use]
    pub fn within(mut self, trace: &TraceContext) -> Self {
        self.runtime = self.runtime.within(trace);
        self
    }
}
