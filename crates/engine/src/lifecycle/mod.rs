//! The lifecycle rules, pure: `(record, event, now) → (record, effects)`. No I/O, no clock, no randomness.

mod deadline;
mod listed;
mod machine;
mod moves;
mod record;
mod requests;
mod runtime;
#[cfg(test)]
mod tests;

pub use machine::{Effect, Event, Outcome, Refusal, transition};
pub use record::{NewSandbox, SandboxRecord, TOMBSTONE_KEPT};
pub use requests::check_usable;
