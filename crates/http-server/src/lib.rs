//! An HTTP server within limits, for the engine and the agent.
//!
//! [`serve`] accepts connections up to a number, closes those that do not send a request or do not read an answer in time,
//! and makes room for new ones by closing those that wait for a request. [`drain_unread_body`] is a middleware for
//! answers that come before the request's body was read.

mod connections;
mod drain;
mod exchange;
mod listener;
mod serve;
mod stream;

pub use drain::drain_unread_body;
pub use exchange::{Crowded, PeerAddr};
pub use listener::Listener;
pub use serve::{ServerConfig, serve};
