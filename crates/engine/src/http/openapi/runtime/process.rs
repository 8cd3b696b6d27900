use std::collections::BTreeMap;

use sandbar_protocol::openapi::{EnvVarValue, VariableName};
use utoipa::ToSchema;

use super::filesystem::Empty;
use super::route::Route;

/// What to run: `cmd` alone is a shell's command line, with `args` it is a program.
#[derive(ToSchema)]
struct ProcessConfig {
    #[schema(min_length = 1, pattern = r"^[^\u0000]+$")]
    cmd: String,
    args: Option<Vec<String>>,
    #[schema(value_type = Option<BTreeMap<VariableName, EnvVarValue>>)]
    envs: Option<BTreeMap<String, String>>,
    cwd: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct StartRequest {
    process: ProcessConfig,
    /// After so many milliseconds it is killed; 0 is never.
    #[schema(format = "uint64")]
    timeout_ms: Option<u64>,
    /// A name for it.
    tag: Option<String>,
    /// Whether its input stays open.
    stdin: Option<bool>,
    pty: Option<Pty>,
}

/// A terminal.
#[derive(ToSchema)]
struct Pty {
    size: Option<PtySize>,
}

#[derive(ToSchema)]
struct PtySize {
    #[schema(minimum = 1, maximum = 10000)]
    cols: u32,
    #[schema(minimum = 1, maximum = 10000)]
    rows: u32,
}

/// Which process: its number, or the tag that it was started with.
#[derive(ToSchema)]
struct ProcessSelector {
    pid: Option<i64>,
    tag: Option<String>,
}

#[derive(ToSchema)]
struct OneProcess {
    process: ProcessSelector,
}

/// Bytes in base64: for a terminal as `pty`.
#[derive(ToSchema)]
struct ProcessInput {
    stdin: Option<String>,
    pty: Option<String>,
}

#[derive(ToSchema)]
struct SendInputRequest {
    process: ProcessSelector,
    input: ProcessInput,
    /// Whether a process that does not read is an answer with `written`, after a while, and no error. Default: false.
    partial: Option<bool>,
}

/// A message of a stream of input: the first one names the process.
#[derive(ToSchema)]
struct StreamInputRequest {
    process: ProcessSelector,
    input: ProcessInput,
}

/// What a process took.
#[derive(ToSchema)]
struct InputTaken {
    /// How many bytes went in, if the request was `partial`: send the rest again.
    written: Option<u64>,
}

#[derive(ToSchema)]
struct SendSignalRequest {
    process: ProcessSelector,
    /// As `SIGNAL_SIGKILL`.
    signal: String,
}

#[derive(ToSchema)]
struct UpdateRequest {
    process: ProcessSelector,
    pty: Pty,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct GetResultRequest {
    #[schema(min_length = 1)]
    cmd_id: String,
}

/// What a command printed, and how it ended.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct ProcessResult {
    exit_code: i32,
    stdout: String,
    stderr: String,
    started_at_unix: i64,
    /// Whether the beginning of it is missing.
    truncated: Option<bool>,
}

#[derive(ToSchema)]
struct ProcessList {
    processes: Vec<RunningProcess>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct RunningProcess {
    pid: u32,
    config: ProcessConfig,
    #[schema(nullable = false)]
    tag: Option<String>,
    cmd_id: String,
}

/// A message about a process.
#[derive(ToSchema)]
struct ProcessMessage {
    event: ProcessEvent,
}

/// One of these.
#[derive(ToSchema)]
struct ProcessEvent {
    start: Option<ProcessStarted>,
    data: Option<ProcessOutput>,
    end: Option<ProcessEnded>,
    /// A sign of life.
    keepalive: Option<Empty>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct ProcessStarted {
    pid: u32,
    cmd_id: String,
}

/// Bytes in base64.
#[derive(ToSchema)]
struct ProcessOutput {
    stdout: Option<String>,
    stderr: Option<String>,
    pty: Option<String>,
}

#[derive(ToSchema)]
struct ProcessEnded {
    /// By itself, and not by a signal.
    exited: bool,
    /// `exit status 0`, or `signal: killed`.
    status: String,
    error: Option<String>,
    /// Whether something is missing of what it printed.
    truncated: Option<bool>,
}

pub(super) fn routes() -> Vec<Route> {
    let unary = |path, id, summary| {
        Route::post(path, id, summary)
            .about("A call of the Connect protocol, as JSON.")
            .refuses(404, "`not_found`: there is no such process, or no such sandbox")
    };
    let stream = |path, id, summary| {
        Route::post(path, id, summary)
            .about("A server stream of the Connect protocol. The process goes on when the client goes away.")
            .streams::<ProcessMessage>("What it prints and how it ends, in frames")
            .refuses(404, "`not_found`: there is no such process, or no such sandbox")
    };
    vec![
        stream("/process.Process/Start", "startProcess", "Start a process and follow it")
            .takes_streaming::<StartRequest>(),
        stream("/process.Process/Connect", "connectProcess", "Follow a process").takes_streaming::<OneProcess>(),
        unary("/process.Process/List", "listProcesses", "List what was started and runs")
            .takes::<Empty>()
            .or_nothing()
            .answers::<ProcessList>("What runs"),
        unary("/process.Process/SendInput", "sendInput", "Write to a process's input or terminal")
            .takes::<SendInputRequest>()
            .answers::<InputTaken>("It is written"),
        unary("/process.Process/CloseStdin", "closeStdin", "End a process's input")
            .takes::<OneProcess>()
            .answers::<Empty>("It is at its end"),
        unary("/process.Process/SendSignal", "sendSignal", "Send a signal to a process and all that it started")
            .takes::<SendSignalRequest>()
            .answers::<Empty>("It is sent"),
        unary("/process.Process/Update", "updateProcess", "Change the size of a process's terminal")
            .takes::<UpdateRequest>()
            .answers::<Empty>("It is changed"),
        unary("/process.Process/GetResult", "getResult", "Read what a process that has ended printed")
            .takes::<GetResultRequest>()
            .answers::<ProcessResult>("What it printed and how it ended"),
        unary("/process.Process/StreamInput", "streamInput", "Write to a process's input, message by message")
            .takes_streaming::<StreamInputRequest>()
            .answers::<Empty>("All of it is written"),
    ]
}
