//! The client against a scripted service on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arguments;
mod configuration;
mod connections;
mod creations;
mod failures;
mod readiness;
mod refusals;
mod retries;
mod routes;
mod service;
mod tls;
