//! The native addon: JSON text in, client calls, JSON text out. Rules and HTTP live in `sandbar-client`.

mod call;
/// What ends a call early.
pub mod cancel_handle;
/// Code that runs in a sandbox.
pub mod code;
/// Commands that run to their end, and calls on processes.
pub mod commands;
/// Bytes for the JS side.
pub mod copied_buffer;
/// What clients tell about their work, for the JS face.
pub mod event_queue;
/// Files that come piece by piece.
pub mod file_reader;
/// Files that go piece by piece.
pub mod file_writer;
/// Calls on the files of a sandbox.
pub mod files;
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
/// What calls come to, for the JS face.
pub mod outcomes;
/// The ports of a sandbox, and URLs of its files.
pub mod ports;
/// Processes that are followed.
pub mod process;
/// Requests to programs in a sandbox.
pub mod program;
/// Calls that tell what they see while they wait.
pub mod progress;
mod runtime;
mod stderr_log;
/// What comes piece by piece.
pub mod stream;
mod telling;
/// Files and directories to and from a sandbox.
pub mod transfer;
