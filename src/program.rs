use std::sync::Arc;

use napi::Env;
use napi_derive::napi;
use sandbar_client::Args;
use serde_json::json;

use crate::call::{Cancel, Promised, call};
use crate::file_reader::NativeReader;
use crate::native_runtime::NativeRuntime;

#[napi]
impl NativeReader {
    /// Sends a request to a program in a sandbox: `{"status": number, "headers": [[name, value], …]}`; its body is then read.
    #[napi]
    pub fn open_program<'env>(
        &self,
        env: &'env Env,
        runtime: &NativeRuntime,
        args: String,
        body: &[u8],
        cancel: Cancel<'_>,
    ) -> Promised<'env> {
        let (place, body) = (Arc::clone(&self.reader), body.to_vec());
        call(env, &runtime.runtime(), args, cancel, Args::program, |runtime, (program, call)| async move {
            let answer = runtime.program(program.with_body(body), &call).await?;
            *place.lock().await = Some(answer.body);
            Ok(json!({ "status": answer.status, "headers": answer.headers }).to_string())
        })
    }
}
