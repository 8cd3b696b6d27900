//! What is counted for Prometheus. Every series is registered in here; labels have few values, never an ID or a path.

mod process;

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use process::Process;

/// The content type of [`Telemetry::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From 1 ms to 30 s, the longest that a request is held.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

type Durations<Labels> = Family<Labels, Histogram, fn() -> Histogram>;
type Number = Gauge<f64, AtomicU64>;

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StartLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WarmLabels {
    template: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MetricLabels {
    metric: &'static str,
}

/// How a start went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartKind {
    /// A runtime of its own.
    Cold,
    /// A warm runtime was claimed.
    Claimed,
    /// It did not become usable.
    Failed,
}

/// Counters, and numbers that are read when someone asks.
pub(crate) struct Telemetry {
    registry: Registry,
    started: Instant,
    requests: Durations<RequestLabels>,
    starts: Durations<StartLabels>,
    sandboxes: Family<StateLabels, Gauge>,
    warm: Family<WarmLabels, Gauge>,
    limits: Family<MetricLabels, Number>,
    used: Family<MetricLabels, Number>,
    disk_bytes: Number,
    disk_free: Number,
    problems: Number,
    uptime: Number,
    process: Process,
}

impl Default for Telemetry {
    fn default() -> Self {
        let durations = || Histogram::new(SECONDS);
        let mut registry = Registry::default();
        let process = Process::register(&mut registry);
        let mut telemetry = Self {
            registry,
            started: Instant::now(),
            requests: Family::new_with_constructor(durations),
            starts: Family::new_with_constructor(durations),
            sandboxes: Family::default(),
            warm: Family::default(),
            limits: Family::default(),
            used: Family::default(),
            disk_bytes: Number::default(),
            disk_free: Number::default(),
            problems: Number::default(),
            uptime: Number::default(),
            process,
        };
        let own = telemetry.registry.sub_registry_with_prefix("sandbar");
        let requests = telemetry.requests.clone();
        own.register_with_unit("http_request_duration", "Until an answer's head was made", Unit::Seconds, requests);
        let starts = telemetry.starts.clone();
        own.register_with_unit("start_duration", "Starts of runtimes: cold, claimed, failed", Unit::Seconds, starts);
        own.register("sandboxes", "Sandboxes by public state, tombstones included", telemetry.sandboxes.clone());
        own.register("warm_runtimes", "Runtimes that nobody has claimed yet", telemetry.warm.clone());
        own.register("limit", "The most that the engine takes on", telemetry.limits.clone());
        own.register("limit_used", "What is used of each limit", telemetry.used.clone());
        own.register_with_unit("disk", "Size of the data folder's disk", Unit::Bytes, telemetry.disk_bytes.clone());
        own.register_with_unit("disk_free", "Room on the data folder's disk", Unit::Bytes, telemetry.disk_free.clone());
        let problems = telemetry.problems.clone();
        own.register("data_problems", "Kinds of things in the data folder that could not be used", problems);
        own.register_with_unit("uptime", "How long the engine has run", Unit::Seconds, telemetry.uptime.clone());
        telemetry
    }
}

impl Telemetry {
    /// Counts a request; `route` is the template that it matched.
    pub(crate) fn answered(&self, method: &'static str, route: String, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { method, route, status }).observe(took.as_secs_f64());
    }

    /// Counts a start.
    pub(crate) fn started(&self, kind: StartKind, took: Duration) {
        let kind = match kind {
            StartKind::Cold => "cold",
            StartKind::Claimed => "claimed",
            StartKind::Failed => "failed",
        };
        self.starts.get_or_create(&StartLabels { kind }).observe(took.as_secs_f64());
    }

    pub(crate) fn set_sandboxes(&self, state: &str, count: u64) {
        let labels = StateLabels { state: state.to_owned() };
        self.sandboxes.get_or_create(&labels).set(count.try_into().unwrap_or(i64::MAX));
    }

    pub(crate) fn set_warm(&self, template: &str, state: &'static str, count: usize) {
        let labels = WarmLabels { template: template.to_owned(), state };
        self.warm.get_or_create(&labels).set(count.try_into().unwrap_or(i64::MAX));
    }

    pub(crate) fn set_limit(&self, metric: &'static str, limit: f64, used: f64) {
        self.limits.get_or_create(&MetricLabels { metric }).set(limit);
        self.used.get_or_create(&MetricLabels { metric }).set(used);
    }

    pub(crate) fn set_disk(&self, bytes: u64, free: u64) {
        self.disk_bytes.set(bytes as f64);
        self.disk_free.set(free as f64);
    }

    pub(crate) fn set_problems(&self, count: usize) {
        self.problems.set(count as f64);
    }

    /// All of it, as OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        self.uptime.set(self.started.elapsed().as_secs_f64());
        self.process.read();
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}
