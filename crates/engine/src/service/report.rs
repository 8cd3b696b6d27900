//! What the engine counts, for Prometheus.

use sandbar_protocol::{InternalState, PublicState};

use super::Service;
use crate::error::EngineError;
use crate::store::ListFilter;
use crate::telemetry::Telemetry;

const STATES: [PublicState; 5] =
    [PublicState::Starting, PublicState::Running, PublicState::Paused, PublicState::Failed, PublicState::Deleted];

impl Service {
    /// Where things are counted.
    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.inner.telemetry
    }

    /// All counters, and how things stand now, as OpenMetrics text.
    pub(crate) async fn report(&self) -> Result<String, EngineError> {
        let telemetry = self.telemetry();
        for state in STATES {
            let count = self.inner.store.count(&ListFilter::states_of(std::slice::from_ref(&state))).await?;
            telemetry.set_sandboxes(state.as_str(), count);
        }
        for template in self.inner.warm.sizes().keys() {
            for state in [InternalState::Warming, InternalState::Warm] {
                telemetry.set_warm(template, state.as_str(), self.inner.warm.count_in(template, state));
            }
        }
        for (metric, usage) in self.usage() {
            telemetry.set_limit(metric.name(), usage.limit, usage.used);
        }
        if let Some(disk) = self.disk() {
            telemetry.set_disk(disk.bytes.total, disk.bytes.free);
        }
        telemetry.set_problems(self.data_problems().len());
        Ok(telemetry.text())
    }
}
