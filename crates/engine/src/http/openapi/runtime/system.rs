use std::collections::BTreeMap;

use sandbar_protocol::openapi::{EnvVarValue, VariableName};
use sandbar_protocol::{Health, RunRequest, RunResponse};
use utoipa::ToSchema;

use super::route::{Route, integer, json};

/// What answers.
#[derive(ToSchema)]
struct About {
    name: String,
    version: String,
}

/// Variables by name.
#[derive(ToSchema)]
struct Variables(BTreeMap<String, String>);

/// What the sandbox uses now.
#[derive(ToSchema)]
struct RuntimeMetrics {
    /// When it was measured, in Unix seconds.
    ts: i64,
    /// Processors.
    cpu_count: u32,
    /// Of all of them, in percent.
    cpu_used_pct: f64,
    /// In bytes.
    mem_total: u64,
    mem_used: u64,
    mem_total_mib: u64,
    mem_used_mib: u64,
    mem_cache: u64,
    disk_used: u64,
    disk_total: u64,
    /// What came in and went out over its interfaces since its start, the loopback apart.
    net_rx_bytes: u64,
    net_tx_bytes: u64,
}

/// A port on which a program of the sandbox listens.
#[derive(ToSchema)]
struct ListeningPort {
    port: u16,
    /// `tcp` or `udp`, with a 6 for IPv6.
    protocol: String,
    address: String,
    #[schema(nullable = false)]
    pid: Option<u32>,
    #[schema(nullable = false)]
    process_name: Option<String>,
}

/// Variables for everything that is started from now on.
#[derive(ToSchema)]
struct Configuration {
    #[schema(value_type = Option<BTreeMap<VariableName, EnvVarValue>>)]
    envs: Option<BTreeMap<String, String>>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/", "getRuntime", "Ask what answers in a sandbox").open().answers::<About>("The agent"),
        Route::get("/health", "getRuntimeHealth", "Ask whether a sandbox is usable")
            .open()
            .query("wait", "How long to wait for the end of its start, in milliseconds", integer(0))
            .answers::<Health>("It is")
            .says(503, json::<Health>("It is starting, or its start failed")),
        Route::post("/run", "runCommand", "Run a command to its end")
            .about(
                "`cmd` alone is a shell's command line; with `args` it is a program. A command ends with its caller.",
            )
            .takes::<RunRequest>()
            .answers::<RunResponse>("It has ended, whatever its exit code")
            .refuses(404, "`not_found`: the working directory does not exist, or there is no such sandbox"),
        Route::get("/metrics", "getRuntimeMetrics", "Read what the sandbox uses").answers::<RuntimeMetrics>("Counters"),
        Route::get("/envs", "getRuntimeEnvs", "Read the sandbox's variables").answers::<Variables>("Variables by name"),
        Route::get("/ports", "listPorts", "List the ports on which programs listen")
            .answers_list::<ListeningPort>("Ports"),
        Route::post("/configure", "configureRuntime", "Set variables for what is started from now on")
            .takes::<Configuration>()
            .or_nothing()
            .answers_nothing(204, "They are set"),
    ]
}
