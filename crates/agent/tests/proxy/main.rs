//! `/proxy/{port}/…` of the agent, with programs and clients that the tests play, byte by byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod refusals;
mod requests;
mod scene;
mod upgrades;
