//! The client against a scripted service on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arguments;
mod configuration;
mod connections;
mod failures;
mod many;
mod readiness;
mod refusals;
mod routes;
mod service;
mod streams;
mod tls;
