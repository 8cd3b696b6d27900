use std::fs;

/// What went over the sandbox's interfaces, the loopback apart, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl Network {
    /// Zeros where the system does not tell.
    pub(super) fn now() -> Self {
        fs::read_to_string("/proc/net/dev").map(|table| Self::of(&table)).unwrap_or_default()
    }

    /// Of the table whose lines are `name: rx_bytes packets errs drop fifo frame compressed multicast tx_bytes …`.
    fn of(table: &str) -> Self {
        let interfaces = table.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| name.trim() != "lo");
        interfaces.fold(Self::default(), |sum, (_, counters)| {
            let mut counters = counters.split_whitespace().map(|counter| counter.parse().unwrap_or(0));
            let (received, sent): (u64, u64) = (counters.next().unwrap_or(0), counters.nth(7).unwrap_or(0));
            Self { received: sum.received.saturating_add(received), sent: sum.sent.saturating_add(sent) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_all_interfaces_but_loopback_are_added() {
        let table = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     900       9    0    0    0     0          0         0      900       9    0    0    0     0       0          0
  eth0:    1000      10    0    0    0     0          0         0      200       2    0    0    0     0       0          0
  tap0:       1       1    0    0    0     0          0         0        2       1    0    0    0     0       0          0
";
        assert_eq!(Network::of(table), Network { received: 1001, sent: 202 });
        assert_eq!(Network::of("nonsense"), Network::default());
    }
}
