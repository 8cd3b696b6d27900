//! The client against a scripted service on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arguments;
mod code;
mod configuration;
mod connections;
mod creations;
mod events;
mod extra_ca;
mod failures;
mod files;
mod fleet;
mod headers;
mod many;
mod ports;
mod processes;
mod proxy;
mod readiness;
mod redirects;
mod refusals;
mod retries;
mod routed;
mod routes;
mod runtime;
mod secrets;
mod service;
mod silence;
mod streams;
mod tls;
mod tracing;
mod transfers;
mod waiting;
