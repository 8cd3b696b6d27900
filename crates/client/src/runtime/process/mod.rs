//! Processes in a sandbox: started, followed, spoken to and waited for.

mod arguments;
mod control;
mod ending;
mod follow;
mod output;
mod running;
mod text;
mod user;
mod wire;

pub use arguments::StartCall;
pub use control::{InputCall, ProcessInfo};
pub use ending::{CommandFailure, CommandResult};
pub use output::{OUTPUT_KEPT, OutputPiece, OutputReader};
pub use running::{Attach, Process};
pub use wire::{OutputStream, ProcessConfig, Pty, PtySize, Selector, StartRequest, Started};

pub(super) use user::{as_user, user};
