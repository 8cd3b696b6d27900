//! Every operation of the client under every fault: each ends in success or in one named error, within its deadline.
//!
//! The result is the table in docs/reliability.md. `SANDBAR_UPDATE=1` writes it anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cell;
mod certificates;
mod cleanup;
mod faults;
mod goaway;
mod operations;
mod secrets;
mod secure;
mod service;
mod suite;
mod table;
