//! Runtimes that were started before anyone asked: a create claims one, and it becomes the sandbox's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandbar_protocol::InternalState;
use tokio::sync::watch;

use crate::templates::Template;

/// How long no real start must have been under way before a runtime is warmed.
const CALM: Duration = Duration::from_millis(10);

/// A runtime is warmed beside real starts that go on for longer than this.
const MAX_CALM_WAIT: Duration = Duration::from_secs(1);

/// The runtimes that nobody has claimed yet.
pub(crate) struct WarmPool {
    /// How many to hold of each template.
    sizes: BTreeMap<String, usize>,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    /// Oldest first.
    runtimes: Vec<WarmRuntime>,
    /// Real starts that are under way.
    starting: usize,
}

/// A runtime without a sandbox.
#[derive(Clone, Debug)]
pub(crate) struct WarmRuntime {
    /// The ID of the sandbox that it will be.
    pub(crate) sandbox_id: String,
    /// Its template's name.
    pub(crate) template_id: String,
    /// The definition that it was started from.
    pub(crate) template: Template,
    /// `Warming` until the driver is done, then `Warm`.
    state: InternalState,
}

/// A runtime that a create has claimed; it goes back into the pool if it is dropped before it is used.
pub(crate) struct Claim {
    pool: Arc<WarmPool>,
    runtime: Option<WarmRuntime>,
}

/// A real start that is under way.
pub(crate) struct Starting(Arc<WarmPool>);

impl WarmPool {
    pub(crate) fn new(sizes: BTreeMap<String, usize>) -> Self {
        Self { sizes, state: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// The templates with a pool, and its size.
    pub(crate) fn sizes(&self) -> &BTreeMap<String, usize> {
        &self.sizes
    }

    /// How many of a template there are.
    pub(crate) fn count(&self, template_id: &str) -> usize {
        self.lock().runtimes.iter().filter(|runtime| runtime.template_id == template_id).count()
    }

    /// How many of a template there are in a state.
    pub(crate) fn count_in(&self, template_id: &str, state: InternalState) -> usize {
        let counts = |runtime: &&WarmRuntime| runtime.template_id == template_id && runtime.state == state;
        self.lock().runtimes.iter().filter(counts).count()
    }

    /// Takes the oldest that is warm and was started from the same definition.
    pub(crate) fn claim(self: &Arc<Self>, template_id: &str, template: &Template) -> Option<Claim> {
        let mut state = self.lock();
        let fits = |runtime: &WarmRuntime| {
            runtime.state == InternalState::Warm && runtime.template_id == template_id && runtime.template == *template
        };
        let index = state.runtimes.iter().position(fits)?;
        // Its refill begins with the start that it is claimed for, and lets that go first.
        Some(Claim { pool: self.clone(), runtime: Some(state.runtimes.remove(index)) })
    }

    /// Notes one that is about to be warmed.
    pub(crate) fn warming(&self, sandbox_id: &str, template_id: &str, template: &Template) {
        self.lock().runtimes.push(WarmRuntime {
            sandbox_id: sandbox_id.to_owned(),
            template_id: template_id.to_owned(),
            template: template.clone(),
            state: InternalState::Warming,
        });
    }

    /// It can be claimed from now on.
    pub(crate) fn warm(&self, sandbox_id: &str) {
        let mut state = self.lock();
        let runtime = state.runtimes.iter_mut().find(|runtime| runtime.sandbox_id == sandbox_id);
        runtime.into_iter().for_each(|runtime| runtime.state = InternalState::Warm);
    }

    /// Takes one out that has ended; whether it was in here.
    pub(crate) fn remove(&self, sandbox_id: &str) -> bool {
        let is_it = |runtime: &mut WarmRuntime| runtime.sandbox_id == sandbox_id;
        let was_there = self.lock().runtimes.extract_if(.., is_it).count() > 0;
        self.changed.send_replace(());
        was_there
    }

    /// Takes out those that were started from another definition than the template's present one; all, if it has none.
    pub(crate) fn take_stale(&self, template_id: &str, template: Option<&Template>) -> Vec<WarmRuntime> {
        let stale =
            |runtime: &mut WarmRuntime| runtime.template_id == template_id && Some(&runtime.template) != template;
        self.lock().runtimes.extract_if(.., stale).collect()
    }

    /// Takes out all.
    pub(crate) fn take_all(&self) -> Vec<WarmRuntime> {
        std::mem::take(&mut self.lock().runtimes)
    }

    /// Counts a real start for as long as the answer lives.
    pub(crate) fn starting(self: &Arc<Self>) -> Starting {
        self.lock().starting += 1;
        // What it has claimed is missed from now on: it may take long.
        self.changed.send_replace(());
        Starting(self.clone())
    }

    /// Waits until real starts leave room, but not for ever: one may be slow, and others may follow without end.
    pub(crate) async fn calm(&self) {
        let mut changes = self.changes();
        let calm = async {
            loop {
                while self.is_busy() && changes.changed().await.is_ok() {}
                tokio::time::sleep(CALM).await;
                if !self.is_busy() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(MAX_CALM_WAIT, calm).await;
    }

    fn is_busy(&self) -> bool {
        self.lock().starting > 0
    }

    /// Changes whenever there may be something to do.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    pub(crate) fn sandbox_id(&self) -> Option<String> {
        self.runtime.as_ref().map(|runtime| runtime.sandbox_id.clone())
    }

    /// The sandbox is stored: the runtime is its own.
    pub(crate) fn used(mut self) {
        self.runtime = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            self.pool.lock().runtimes.insert(0, runtime);
            self.pool.changed.send_replace(());
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.lock().starting -= 1;
        self.0.changed.send_replace(());
    }
}
