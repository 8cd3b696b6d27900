//! The native addon: JSON text in, client calls, JSON text out. Rules and HTTP live in `sandbar-client`.

mod call;
/// What ends a call early.
pub mod cancel_handle;
/// Code that runs in a sandbox.
pub mod code;
/// Commands that run to their end, and calls on processes.
pub mod commands;
/// What clients tell about their work, for the JS face.
pub mod event_queue;
/// Git, as commands in a sandbox.
pub mod git;
/// Sandboxes that are kept alive.
pub mod keep_alive;
/// Calls on many sandboxes.
pub mod many;
/// The class whose methods are the service's routes.
pub mod native_client;
/// The class whose methods are the routes of a sandbox's runtime.
pub mod native_runtime;
/// Where a client comes from.
pub mod open;
/// Processes that are followed.
pub mod process;
/// Calls that tell what they see while they wait.
pub mod progress;
mod promise;
mod runtime;
mod stderr_log;
/// What comes piece by piece.
pub mod stream;
mod telling;
