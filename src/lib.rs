//! The native addon: JSON text in, client calls, JSON text out. Rules and HTTP live in `sandbar-client`.

/// What ends a call early.
pub mod cancel_handle;
/// What clients tell about their work, for the JS face.
pub mod event_queue;
/// The class whose methods are the service's routes.
pub mod native_client;
/// Where a client comes from.
pub mod open;
mod promise;
mod runtime;
mod stderr_log;
