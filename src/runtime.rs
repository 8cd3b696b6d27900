use napi_derive::module_init;
use tokio::runtime::Builder;

/// Gives the addon a runtime with one worker thread, which serves all calls of the process: more make no call faster,
/// and one keeps a single call shortest. It does not keep the process alive.
#[module_init]
fn start() {
    // If the system refuses the thread, napi makes a runtime of its own at the first call, and reports that.
    if let Ok(runtime) = Builder::new_multi_thread().worker_threads(1).thread_name("sandbar").enable_all().build() {
        napi::bindgen_prelude::create_custom_tokio_runtime(runtime);
    }
}
