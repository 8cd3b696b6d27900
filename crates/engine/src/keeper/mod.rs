//! The keeper: a process of its own that holds the runtimes, so that they outlive a killed engine.
//!
//! It runs the driver; the engine speaks to it over a socket in the data folder ([`KeptDriver`] on the engine's side,
//! [`run`] on the keeper's). When the engine goes without a word, the keeper waits for the next one, which adopts what
//! still runs; when none comes in time, everything ends.

mod backlog;
mod calls;
mod client;
mod connection;
mod inbox;
mod messages;
mod process;
mod removals;
mod restarts;
mod server;

pub use client::KeptDriver;
pub(crate) use process::FILES;
pub use process::{KeeperCommand, KeeperConfig, run};
