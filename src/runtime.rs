use std::sync::OnceLock;

use napi::bindgen_prelude::retain_current_module_for_unload_safety;
use napi_derive::module_init;
use sandbar_client::ErrorRecord;
use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::task::JoinHandle;

/// Runs the calls of all environments, until the process ends.
///
/// Not napi's: that one ends with the last environment, also while the next one, as that of another worker, is loading the
/// addon, and its calls are lost then.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// Starts the runtime, so that the first call need not.
#[module_init]
fn start() {
    // If the system refuses the thread, each call tries it again, and says so.
    let _ = runtime();
}

/// The runtime, with one worker thread: more make no call faster, and one keeps a single call shortest. It does not keep the
/// process alive.
fn runtime() -> Result<&'static Runtime, Box<ErrorRecord>> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    // Its thread runs the addon's code also when the environment that has loaded it is gone.
    retain_current_module_for_unload_safety();
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("sandbar").enable_all().build();
    let runtime = runtime.map_err(|error| {
        ErrorRecord::internal(format!(
            "the system refused a thread ({error}): raise the limit of processes (ulimit -u)"
        ))
    })?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// Runs a task.
///
/// # Errors
/// If the system refuses the thread that would run it.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Result<JoinHandle<()>, Box<ErrorRecord>> {
    Ok(runtime()?.spawn(task))
}

/// What is called while it lives can run tasks.
///
/// # Errors
/// If the system refuses the thread that would run them.
pub(crate) fn enter() -> Result<EnterGuard<'static>, Box<ErrorRecord>> {
    Ok(runtime()?.enter())
}
