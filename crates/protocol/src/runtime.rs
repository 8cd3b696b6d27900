//! The part of the runtime API (inside a sandbox, at `envdUrl`) that is served so far.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Secret;

/// The header that carries a sandbox's access token to its runtime API.
pub const ACCESS_TOKEN_HEADER: &str = "x-access-token";

/// Body of `POST {envdUrl}/run`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunRequest {
    /// A shell command line; with `args`, the program to execute directly.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, pattern = r"^[^\u0000]+$"))]
    pub cmd: String,
    /// Arguments of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Working directory, from the template's own on; default that one, which is `/root/workspace` unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Variables on top of the sandbox's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<BTreeMap<crate::openapi::VariableName, crate::openapi::EnvVarValue>>))]
    pub env: Option<BTreeMap<String, Secret>>,
    /// How long it may run, in milliseconds; then its whole process group is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "uint64"))]
    pub timeout_ms: Option<u64>,
    /// The same in seconds, as older clients send it; `timeoutMs` wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// Text for standard input, which is then closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
}

/// Answer of `POST {envdUrl}/run`. A non-zero exit is a result, not an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunResponse {
    /// Standard output, lossily decoded, up to the agent's cap.
    #[serde(default)]
    pub stdout: String,
    /// Standard error, likewise.
    #[serde(default)]
    pub stderr: String,
    /// The exit code; 128 + signal for a killed process, 127 if the program was not found, 126 if it can't be
    /// executed, -1 if the end is not known.
    #[serde(default)]
    pub exit_code: i32,
    /// Wall time in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// Why it did not run to its end: timeout, output cap, program not found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether output beyond the agent's cap is missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// Answer of `GET {envdUrl}/health`: 200 once ready, 503 while starting or after a failed start command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RuntimeHealth))]
pub struct Health {
    /// `healthy`, `starting` or `error`, the words of the heartbeat.
    pub status: crate::HeartbeatStatus,
    /// Why it is not healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why, in a word for programs, where it was not a command that failed: `workdir_unusable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long the template's commands took until it was healthy, in milliseconds.
    #[serde(rename = "commandsMs", default, skip_serializing_if = "Option::is_none")]
    pub commands_ms: Option<u64>,
}

/// What the engine tells the agent at its start, as one JSON text on standard input: no secret stands in an argument.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootConfig {
    /// Environment of everything in the sandbox.
    pub env_vars: BTreeMap<String, Secret>,
    /// A shell command line that must exit 0 before the agent is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_command: Option<String>,
    /// A shell command line, repeated until it exits 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_command: Option<String>,
    /// Where commands start, made if it can be; default `/root/workspace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// What each process may use.
    #[serde(default)]
    pub limits: ProcessLimits,
    /// What the sandbox as a whole may use.
    #[serde(default)]
    pub size: SandboxSize,
}

/// What a sandbox as a whole may use, for its own counters: others see to it that it does. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SandboxSize {
    /// Processors.
    pub cpu_count: Option<u32>,
    /// Memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// What the files in its home take, in bytes.
    pub disk_bytes: Option<u64>,
}

/// What each process of a sandbox may use: the agent takes these limits on before anything else, and all that it starts
/// inherits them. `None` leaves a limit as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProcessLimits {
    /// The largest file that it may write, in bytes.
    pub file_bytes: Option<u64>,
    /// Open files.
    pub open_files: Option<u64>,
    /// Data and private memory, in bytes.
    pub data_bytes: Option<u64>,
    /// Processes and threads of the sandbox.
    pub processes: Option<u64>,
}

/// Body of an error of the runtime API, as `{code: "not_found", message: "…"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuntimeError {
    /// A Connect code: `invalid_argument`, `not_found`, `unauthenticated`, `unavailable`, …
    pub code: String,
    /// What happened and what to do.
    pub message: String,
}
