use napi_derive::napi;
use sandbar_client::{Args, InputCall};

use crate::call::{Cancel, Found, json, ready};
use crate::native_runtime::{Inside, NativeRuntime};

/// Commands that run to their end, and calls on processes.
pub(crate) fn find(method: &str, args: &Args) -> Found<Inside> {
    Some(match method {
        // `{"stdout", "stderr", "exitCode", "durationMs", "error"?}`.
        "run" => args.run().and_then(|(run, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.run_command(&run, &call).await?) })
        }),
        // `[{"pid", "cmdId"?, "tag"?, "config": {"cmd", "args", "envs", "cwd"}}, …]`.
        "processes" => args
            .account()
            .and_then(|call| ready(move |inside: Inside| async move { json(&inside.runtime.processes(&call).await?) })),
        // Whether there was one; all that it has started is killed with it.
        "killProcess" => args.of_process().and_then(|(process, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.kill_process(&process, &call).await?) })
        }),
        // Whether there was one.
        "signalProcess" => {
            args.signal_process().and_then(|(process, signal, call)| {
                ready(move |inside: Inside| async move {
                    json(&inside.runtime.signal_process(&process, &signal, &call).await?)
                })
            })
        }
        // `null`.
        "closeStdin" => args.of_process().and_then(|(process, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.close_stdin(&process, &call).await?) })
        }),
        // `null`.
        "resize" => args.resize().and_then(|(process, size, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.resize(&process, size, &call).await?) })
        }),
        _ => return None,
    })
}

#[napi]
impl NativeRuntime {
    /// Writes bytes to a process: `null`.
    #[napi]
    pub fn send_input(&self, place: u32, args: String, cancel: Cancel<'_>, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        let route = |args: &Args| {
            let (input, call) = args.input()?;
            let input = InputCall { bytes, ..input };
            ready(move |inside: Inside| async move { json(&inside.runtime.send_input(&input, &call).await?) })
        };
        self.run(place, args, cancel, Box::new(route));
    }
}
