use std::sync::Arc;

use napi_derive::napi;
use sandbar_client::Args;
use serde_json::json;

use crate::call::{Cancel, json, ready};
use crate::file_reader::NativeReader;
use crate::native_runtime::{Inside, NativeRuntime};

#[napi]
impl NativeReader {
    /// Sends a request to a program in a sandbox: `{"status": number, "headers": [[name, value], …]}`; its body is then read.
    #[napi]
    pub fn open_program(&self, place: u32, runtime: &NativeRuntime, args: String, body: &[u8], cancel: Cancel<'_>) {
        let (opened, body) = (Arc::clone(&self.reader), body.to_vec());
        let route = |args: &Args| {
            let (program, call) = args.program()?;
            ready(move |inside: Inside| async move {
                let answer = inside.runtime.program(program.with_body(body), &call).await?;
                *opened.lock().await = Some(answer.body);
                json(&json!({ "status": answer.status, "headers": answer.headers }))
            })
        };
        runtime.run(place, args, cancel, Box::new(route));
    }
}
