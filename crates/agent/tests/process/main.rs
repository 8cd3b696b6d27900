//! `process.Process` and `POST /run`, without a sandbox around them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod deadlines;
mod input;
mod output;
mod refusals;
mod run;
mod start;
mod stop;
mod support;
mod terminal;
