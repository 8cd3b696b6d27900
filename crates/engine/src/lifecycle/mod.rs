//! The lifecycle rules, pure: `(record, event, now) → (record, effects)`. No I/O, no clock, no randomness.

mod listed;
mod machine;
mod record;
#[cfg(test)]
mod tests;

pub use machine::{Effect, Event, Outcome, Refusal, transition};
pub use record::{NewSandbox, SandboxRecord, TOMBSTONE_KEPT};
