//! What the benchmarks reach of the inside: no part of the interface.

use std::time::Duration;

use crate::ClientError;
use crate::retry::{Fate, pause};

/// How long to wait until a call that failed like this is sent again for the first time; `None` if it is not.
pub fn pause_before_repeat(error: &ClientError) -> Option<Duration> {
    (Fate::of(error) != Fate::Settled).then(|| pause(1, error.retry_after()))
}
