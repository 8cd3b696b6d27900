use std::time::Duration;

use tokio::time::Instant;

/// An amount that is used up and comes back evenly, up to a burst.
pub(super) struct Budget {
    per_second: f64,
    burst: f64,
    left: f64,
    at: Instant,
}

impl Budget {
    /// A full one.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let burst = f64::from(burst);
        Self { per_second: f64::from(per_second), burst, left: burst, at: Instant::now() }
    }

    /// Takes an amount if anything is left, and goes into debt for the rest.
    pub(super) fn take(&mut self, amount: usize) -> bool {
        let now = Instant::now();
        self.left = (self.left + now.duration_since(self.at).as_secs_f64() * self.per_second).min(self.burst);
        self.at = now;
        let has_some = self.left > 0.0;
        if has_some {
            self.left -= amount as f64;
        }
        has_some
    }

    /// How long until something is left.
    pub(super) fn debt(&self) -> Duration {
        Duration::from_secs_f64((-self.left / self.per_second).max(0.0))
    }
}
