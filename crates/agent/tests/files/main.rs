//! The agent's files, over its routes: a folder stands for the sandbox.

#![allow(clippy::expect_used)]

mod batch;
mod compose;
mod content;
mod download;
mod folders;
mod forms;
mod list;
mod manage;
mod sandbox;
mod upload;
mod users;
mod watch;
mod watchers;
