//! The server inside a sandbox: files, processes, terminals, watchers, ports and health, at the sandbox's `envdUrl`.
//!
//! [`serve`] answers on a listening descriptor that the engine passed in. Whoever reaches it may do all that the sandbox
//! may: the wall is the sandbox itself, and the engine looks at access tokens before it passes a request on.

mod blocking;
mod boot;
mod command;
mod compression;
mod connect;
mod descriptors;
mod environment;
mod files;
mod filesystem;
mod limits;
mod log;
mod paths;
mod problem;
mod process;
mod proxy;
mod query;
mod run;
mod server;
mod shell_line;
mod signals;
mod startup;
mod su;
mod system;
mod user;

#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;

pub use boot::serve;
pub use server::router;
