use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::finding::Finding;
use super::system::System;

const CHECK: &str = "clock";
/// 2026-01-01: no machine that runs this program is older.
const SURELY_PAST: Duration = Duration::from_secs(1_767_225_600);

pub(super) fn finding(system: &System) -> Finding {
    if SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|now| now >= SURELY_PAST) {
        return Finding::ok(CHECK, "set");
    }
    let message = "the clock is years behind: certificates look as if they were not valid yet";
    Finding::problem(CHECK, message, set(system))
}

/// What sets the clock.
pub(super) fn set(system: &System) -> String {
    system.as_root("timedatectl set-ntp true")
}
