//! The way to a sandbox's agent, over real connections: who may go it, and what passes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clients;
mod pages;
mod previews;
mod scene;
mod signatures;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod upgrades;
