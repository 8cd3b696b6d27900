use napi::Env;
use napi_derive::napi;
use sandbar_client::{Args, ClientError, UrlAccess};
use serde_json::json;

use crate::call::{Cancel, Promised, record};
use crate::native_runtime::NativeRuntime;

/// Ports are `port`.
#[napi]
impl NativeRuntime {
    /// What listens in the sandbox: an array of PortInfo.
    #[napi]
    pub fn ports<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::account, |runtime, call| async move {
            Ok(json!(runtime.ports(&call).await?).to_string())
        })
    }

    /// Waits until something listens: `null`.
    #[napi]
    pub fn wait_for_port<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::wait_for_port, |runtime, (wait, call)| async move {
            runtime.wait_for_port(&wait, &call).await?;
            Ok("null".to_owned())
        })
    }

    /// Where a port is reached, at once: `{"url": string}`, or `{"record": "<ErrorRecord as JSON>"}`.
    #[napi]
    pub fn host(&self, args: String) -> String {
        let url = Args::parse(&args).and_then(|args| args.port()).map_err(|error| record(error.into()));
        let url = url.and_then(|port| self.runtime()?.host(port).map_err(record));
        match url {
            Ok(url) => json!({ "url": url }).to_string(),
            Err(record) => json!({ "record": record.to_json() }).to_string(),
        }
    }

    /// A URL that lets its holder download the file at `path`: a string.
    #[napi]
    pub fn download_url<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.url(env, args, cancel, UrlAccess::Read)
    }

    /// A URL that lets its holder upload a file, to `path` if there is one: a string.
    #[napi]
    pub fn upload_url<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.url(env, args, cancel, UrlAccess::Write)
    }

    fn url<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>, access: UrlAccess) -> Promised<'env> {
        self.call(env, args, cancel, Args::signed_url, move |runtime, (url, call)| async move {
            let url = runtime.signed_url(&url, access, &call).await?;
            Ok::<_, ClientError>(json!(url).to_string())
        })
    }
}
