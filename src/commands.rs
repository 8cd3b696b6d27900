use napi::Env;
use napi_derive::napi;
use sandbar_client::Args;
use serde_json::json;

use crate::call::{Cancel, Promised};
use crate::native_runtime::NativeRuntime;

#[napi]
impl NativeRuntime {
    /// Runs a command to its end: `{"stdout", "stderr", "exitCode", "durationMs", "error"?}`.
    #[napi]
    pub fn run<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::run, |runtime, (run, call)| async move {
            Ok(json!(runtime.run_command(&run, &call).await?).to_string())
        })
    }

    /// The processes that run: `[{"pid", "cmdId"?, "tag"?, "config": {"cmd", "args", "envs", "cwd"}}, …]`.
    #[napi]
    pub fn processes<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::account, |runtime, call| async move {
            Ok(json!(runtime.processes(&call).await?).to_string())
        })
    }

    /// Kills a process with all that it has started: whether there was one.
    #[napi]
    pub fn kill_process<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::of_process, |runtime, (process, call)| async move {
            Ok(json!(runtime.kill_process(&process, &call).await?).to_string())
        })
    }

    /// Sends a process a signal: whether there was one.
    #[napi]
    pub fn signal_process<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::signal_process, |runtime, (process, signal, call)| async move {
            Ok(json!(runtime.signal_process(&process, &signal, &call).await?).to_string())
        })
    }

    /// Writes to a process.
    #[napi]
    pub fn send_input<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::input, |runtime, (input, call)| async move {
            runtime.send_input(&input, &call).await?;
            Ok("null".to_owned())
        })
    }

    /// Closes a process's standard input.
    #[napi]
    pub fn close_stdin<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::of_process, |runtime, (process, call)| async move {
            runtime.close_stdin(&process, &call).await?;
            Ok("null".to_owned())
        })
    }

    /// Changes the size of a process's terminal.
    #[napi]
    pub fn resize<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::resize, |runtime, (process, size, call)| async move {
            runtime.resize(&process, size, &call).await?;
            Ok("null".to_owned())
        })
    }
}
