use std::time::Duration;

/// How long the other side may say nothing before it counts as gone.
///
/// By the defaults a dead peer is noticed within 60 s, and a command that has a time limit ends here within 10 s of it. A
/// silent command that lives is never failed: its runtime sends signs of life, or answers a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// How long a stream may be silent; runtimes send a sign of life every 10 s. Default 25 s.
    pub stream: Duration,
    /// How long it is tried to reach a runtime again whose stream was lost. Default 30 s.
    pub reconnect: Duration,
    /// How often a runtime is probed while an answer is awaited that has no time limit. Default 20 s.
    pub probe_interval: Duration,
    /// How long the answer to a probe may take; two in a row without one end the call. Default 15 s.
    pub probe_timeout: Duration,
    /// How long it is looked whether a call failed because its sandbox has ended, while that is not clear. Default 3 s.
    pub explanation: Duration,
    /// How long after its own time limit the end of a command may be reported. Default 5 s.
    pub grace: Duration,
}

impl Default for Silence {
    fn default() -> Self {
        Self {
            stream: Duration::from_secs(25),
            reconnect: Duration::from_secs(30),
            probe_interval: Duration::from_secs(20),
            probe_timeout: Duration::from_secs(15),
            explanation: Duration::from_secs(3),
            grace: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_peer_is_noticed_within_a_minute_by_default() {
        let Silence { stream, reconnect, probe_interval, probe_timeout, explanation, grace } = Silence::default();
        let minute = Duration::from_secs(60);
        assert!(stream + reconnect + explanation < minute);
        assert!(probe_interval + 2 * probe_timeout + explanation < minute);
        assert!(grace < Duration::from_secs(10));
    }
}
