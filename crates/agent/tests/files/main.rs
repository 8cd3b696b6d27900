//! The agent's files, over its routes: a folder stands for the sandbox.

mod content;
mod download;
mod list;
mod sandbox;
mod upload;
mod users;
