use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use futures_util::FutureExt;
use napi::bindgen_prelude::{Array, Buffer, Function, Result};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use sandbar_client::{Answer, CallOptions, Client, ErrorRecord, Unclaimed};
use sandbar_protocol::Sandbox;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use crate::copied_buffer::CopiedBuffer;
use crate::runtime::spawn;

/// What a call comes to: what it gives, or the record of its error.
pub(crate) type Outcome<T = String> = std::result::Result<T, Box<ErrorRecord>>;

/// A function of the JS thread, which does not keep the process alive unless it is told to.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// How many outcomes the JS thread takes in one go: others of its work come in between.
const AT_ONCE: usize = 64;

/// What calls have come to, until the JS face takes it.
///
/// Many are taken at a time, as to wake the JS thread costs more than a call does. Each lies at the place that the JS face
/// has given the call.
#[napi]
pub struct Outcomes {
    shared: Arc<Shared>,
}

/// Where a call puts its outcome.
#[derive(Clone)]
pub(crate) struct Mailbox(Arc<Shared>);

struct Shared {
    in_flight: AtomicUsize,
    settled: Mutex<Vec<(u32, Outcome<Given>)>>,
    wake: RwLock<Wake>,
    /// The environment is gone, and with it everybody who waited.
    ended: CancellationToken,
}

/// What a call gives.
pub(crate) enum Given {
    Text(String),
    Flag(bool),
    /// Bytes in memory that is lent to the JS engine; none of no bytes, as Node.js takes no empty memory of others.
    Lent(Option<Buffer>),
    Copied(Option<CopiedBuffer>),
    /// A text with sandboxes that the JS face owns once it has taken it.
    Created(String, Unclaimed),
}

#[napi]
impl Outcomes {
    /// Makes it; `wake` is called, with nothing, some time after there are outcomes where there were none.
    #[napi(constructor)]
    pub fn new(wake: Function<'_, (), ()>) -> Result<Self> {
        let wake = wake.build_threadsafe_function::<()>().callee_handled::<false>().weak::<true>().build()?;
        Ok(Self {
            shared: Arc::new(Shared {
                in_flight: AtomicUsize::new(0),
                settled: Mutex::default(),
                wake: RwLock::new(wake),
                ended: CancellationToken::new(),
            }),
        })
    }

    /// How many are taken at once, at most.
    #[napi(getter)]
    pub fn at_once(&self) -> u32 {
        AT_ONCE as u32
    }

    /// Takes outcomes out, the oldest first: `[2 * place + (failed ? 1 : 0), value, …]`, two for each, as each element costs.
    /// The value of one that failed is an ErrorRecord's JSON text.
    #[napi]
    pub fn take<'env>(&self, env: &'env Env) -> Result<Array<'env>> {
        let taken: Vec<_> = {
            let mut settled = self.shared.settled.lock().unwrap_or_else(PoisonError::into_inner);
            let count = settled.len().min(AT_ONCE);
            settled.drain(..count).collect()
        };
        let mut flat = env.create_array(taken.len() as u32 * 2)?;
        for (index, (place, outcome)) in (0..).step_by(2).zip(taken) {
            flat.set(index, place * 2 + u32::from(outcome.is_err()))?;
            let set = match outcome {
                Ok(Given::Text(text)) => flat.set(index + 1, text),
                Ok(Given::Flag(flag)) => flat.set(index + 1, flag),
                Ok(Given::Lent(bytes)) => flat.set(index + 1, bytes),
                Ok(Given::Copied(bytes)) => flat.set(index + 1, bytes),
                Ok(Given::Created(text, unclaimed)) => flat.set(index + 1, text).map(|()| unclaimed.claim()),
                Err(record) => flat.set(index + 1, record.to_json()),
            };
            if set.is_err() {
                // One that can't be made must not take the others with it.
                flat.set(index, place * 2 + 1)?;
                flat.set(index + 1, too_large().to_json())?;
            }
        }
        Ok(flat)
    }

    /// Keeps the process alive: there are calls in flight.
    #[napi]
    #[allow(deprecated, reason = "it is about the event loop, and not about who owns the function")]
    pub fn hold(&self, env: &Env) -> Result<()> {
        self.shared.wake.write().unwrap_or_else(PoisonError::into_inner).refer(env)
    }

    /// Lets the process end.
    #[napi]
    #[allow(deprecated, reason = "it is about the event loop, and not about who owns the function")]
    pub fn release(&self, env: &Env) -> Result<()> {
        self.shared.wake.write().unwrap_or_else(PoisonError::into_inner).unref(env)
    }

    pub(crate) fn mailbox(&self) -> Mailbox {
        Mailbox(Arc::clone(&self.shared))
    }
}

impl Drop for Outcomes {
    /// The environment ends, as that of a worker that is terminated: calls in flight are cancelled, and what nobody has taken
    /// is dropped, so that sandboxes among it are deleted.
    fn drop(&mut self) {
        self.shared.ended.cancel();
        let left = std::mem::take(&mut *self.shared.settled.lock().unwrap_or_else(PoisonError::into_inner));
        drop(left);
    }
}

impl Mailbox {
    /// Runs a call on the addon's runtime, and puts what it comes to at this place. A panic of the call is an error, too.
    pub(crate) fn settle<T: Into<Given>>(&self, place: u32, call: impl Future<Output = Outcome<T>> + Send + 'static) {
        let shared = Arc::clone(&self.0);
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        let spawned = spawn(async move {
            let call = AssertUnwindSafe(call).catch_unwind();
            // A dropped call cleans up after itself.
            let Some(outcome) = shared.ended.run_until_cancelled(call).await else { return };
            let outcome = outcome.unwrap_or_else(|_| Err(Box::new(defect())));
            shared.put(place, outcome.map(Into::into));
        });
        if let Err(record) = spawned {
            self.0.put(place, Err(record));
        }
    }
}

impl Shared {
    fn put(self: &Arc<Self>, place: u32, outcome: Outcome<Given>) {
        let others = self.in_flight.fetch_sub(1, Ordering::Relaxed) - 1;
        let is_first = {
            let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
            if self.ended.is_cancelled() {
                return;
            }
            settled.push((place, outcome));
            settled.len() == 1
        };
        if is_first && others == 0 {
            self.wake();
        } else if is_first {
            // Those whose answers have come already settle first: to wake the JS thread costs much of what a call does.
            let shared = Arc::clone(self);
            let spawned = spawn(async move {
                yield_now().await;
                shared.wake();
            });
            if spawned.is_err() {
                self.wake();
            }
        }
    }

    fn wake(&self) {
        // Refused only when the JS thread is at its end.
        self.wake.read().unwrap_or_else(PoisonError::into_inner).call((), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

impl From<String> for Given {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Answer<Sandbox>> for Given {
    fn from(answer: Answer<Sandbox>) -> Self {
        Self::Text(with_id(&answer))
    }
}

impl Given {
    /// The same with another text.
    pub(crate) fn map_text(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Text(text) => Self::Text(change(text)),
            Self::Created(text, unclaimed) => Self::Created(change(text), unclaimed),
            other => other,
        }
    }
}

/// Guards what a create made until JavaScript has taken it.
pub(crate) fn unclaimed(client: &Client, answer: &Answer<Sandbox>, call: &CallOptions) -> Unclaimed {
    client.unclaimed(vec![answer.value.sandbox_id.clone()], call)
}

/// The ID, a tab if an earlier call made the sandbox, a line feed, and the answer: the ID is mostly all that is read of it.
pub(crate) fn with_id(answer: &Answer<Sandbox>) -> String {
    [answer.value.sandbox_id.as_str(), if answer.replayed { "\t\n" } else { "\n" }, &answer.text].concat()
}

impl From<bool> for Given {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Vec<u8>> for Given {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Lent((!bytes.is_empty()).then(|| bytes.into()))
    }
}

impl From<Option<CopiedBuffer>> for Given {
    fn from(bytes: Option<CopiedBuffer>) -> Self {
        Self::Copied(bytes)
    }
}

fn too_large() -> ErrorRecord {
    ErrorRecord::internal("what came is too large for a value of JavaScript: read files of this size as a stream")
}

pub(crate) fn defect() -> ErrorRecord {
    ErrorRecord::internal("the call ended in a defect of the SDK: please report it, with what was printed on stderr")
}
