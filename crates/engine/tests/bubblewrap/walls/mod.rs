//! The rules of isolation, attacked from inside of real sandboxes. `docs/security.md` lists each attack.

mod agent;
mod files;
mod identity;
mod kernel;
mod neighbours;
mod network;
