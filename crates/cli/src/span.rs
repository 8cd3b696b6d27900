//! Times as people say them.

use std::time::Duration;

use jiff::Timestamp;

/// A length of time in its two largest units, as `4m12s`, `3h05m`, `2d04h`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// How long ago it was.
pub(crate) fn since(time: Timestamp) -> Duration {
    Timestamp::now().duration_since(time).try_into().unwrap_or_default()
}

/// How long it is until then, in whole seconds, of which the last has begun; nothing if it has passed.
pub(crate) fn until(time: Timestamp) -> Duration {
    let left: Duration = time.duration_since(Timestamp::now()).try_into().unwrap_or_default();
    Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0))
}

/// Milliseconds as `7.2 ms`, `312 ms`, `1.5 s`.
pub(crate) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}

/// A moment to the second, in UTC.
pub(crate) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_its_two_largest_units() {
        let all = [(0, "0s"), (59, "59s"), (60, "1m00s"), (252, "4m12s"), (3_600, "1h00m"), (90_061, "1d01h")];
        for (seconds, text) in all {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn milliseconds_are_rounded_to_what_matters() {
        assert_eq!([0.26, 9.96, 312.4, 1_540.0].map(milliseconds), ["0.3 ms", "10.0 ms", "312 ms", "1.5 s"]);
    }
}
