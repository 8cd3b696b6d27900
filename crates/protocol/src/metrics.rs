use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lenient::{Lenient, lenient, lenient_list};

/// Counters of one sandbox at one moment; `None` (null) is "not known", never 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct MetricSnapshot {
    /// The sandbox.
    #[serde(rename = "sandboxID")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub sandbox_id: String,
    /// When the numbers were read.
    #[serde(deserialize_with = "lenient")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub collected_at: Option<Timestamp>,
    /// Why numbers are missing.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Load average over 1 minute.
    #[serde(deserialize_with = "lenient")]
    pub load1: Option<f64>,
    /// Load average over 5 minutes.
    #[serde(deserialize_with = "lenient")]
    pub load5: Option<f64>,
    /// Load average over 15 minutes.
    #[serde(deserialize_with = "lenient")]
    pub load15: Option<f64>,
    /// CPUs busy with user code, 1.0 is one CPU.
    #[serde(deserialize_with = "lenient")]
    pub cpu_user_rate: Option<f64>,
    /// CPUs busy in the kernel, 1.0 is one CPU.
    #[serde(deserialize_with = "lenient")]
    pub cpu_system_rate: Option<f64>,
    /// CPUs waiting for I/O.
    #[serde(rename = "cpuIOWaitRate", deserialize_with = "lenient")]
    pub cpu_io_wait_rate: Option<f64>,
    /// CPUs taken by the hypervisor.
    #[serde(deserialize_with = "lenient")]
    pub cpu_steal_rate: Option<f64>,
    /// Memory left, in bytes.
    #[serde(deserialize_with = "lenient")]
    pub memory_available_bytes: Option<f64>,
    /// Memory in use, in percent.
    #[serde(deserialize_with = "lenient")]
    pub memory_usage_percent: Option<f64>,
    /// Swap, in bytes.
    #[serde(deserialize_with = "lenient")]
    pub swap_total_bytes: Option<f64>,
    /// Swap left, in bytes.
    #[serde(deserialize_with = "lenient")]
    pub swap_free_bytes: Option<f64>,
    /// Swap cached, in bytes.
    #[serde(deserialize_with = "lenient")]
    pub swap_cached_bytes: Option<f64>,
    /// Disk reads per second.
    #[serde(deserialize_with = "lenient")]
    pub disk_read_ops_per_second: Option<f64>,
    /// Disk writes per second.
    #[serde(deserialize_with = "lenient")]
    pub disk_write_ops_per_second: Option<f64>,
    /// Bytes read from disk per second.
    #[serde(deserialize_with = "lenient")]
    pub disk_read_bytes_per_second: Option<f64>,
    /// Bytes written to disk per second.
    #[serde(deserialize_with = "lenient")]
    pub disk_write_bytes_per_second: Option<f64>,
    /// Bytes received per second.
    #[serde(deserialize_with = "lenient")]
    pub network_recv_bytes_per_second: Option<f64>,
    /// Packets received per second.
    #[serde(deserialize_with = "lenient")]
    pub network_recv_packets_per_second: Option<f64>,
    /// Receive errors per second.
    #[serde(deserialize_with = "lenient")]
    pub network_recv_errors_per_second: Option<f64>,
    /// Received packets dropped per second.
    #[serde(deserialize_with = "lenient")]
    pub network_recv_drops_per_second: Option<f64>,
    /// Bytes sent per second.
    #[serde(deserialize_with = "lenient")]
    pub network_sent_bytes_per_second: Option<f64>,
    /// Packets sent per second.
    #[serde(deserialize_with = "lenient")]
    pub network_sent_packets_per_second: Option<f64>,
    /// Send errors per second.
    #[serde(deserialize_with = "lenient")]
    pub network_sent_errors_per_second: Option<f64>,
    /// Sent packets dropped per second.
    #[serde(deserialize_with = "lenient")]
    pub network_sent_drops_per_second: Option<f64>,
    /// Processes and threads now.
    #[serde(deserialize_with = "lenient")]
    pub task_current: Option<f64>,
    /// The most processes and threads.
    #[serde(deserialize_with = "lenient")]
    pub task_max: Option<f64>,
}

impl Lenient for MetricSnapshot {}

impl MetricSnapshot {
    /// A snapshot without numbers, and why.
    pub fn unavailable(sandbox_id: impl Into<String>, at: Timestamp, why: impl Into<String>) -> Self {
        Self { sandbox_id: sandbox_id.into(), collected_at: Some(at), error: Some(why.into()), ..Self::default() }
    }
}

/// Answer of `GET /sandboxes/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct MetricBatch {
    /// When the numbers were read.
    #[serde(deserialize_with = "lenient")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub collected_at: Option<Timestamp>,
    /// One snapshot per sandbox.
    #[serde(deserialize_with = "lenient_list")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub items: Vec<MetricSnapshot>,
    /// The same by sandbox ID.
    #[serde(deserialize_with = "lenient")]
    pub sandboxes: Option<BTreeMap<String, MetricSnapshot>>,
}
