use napi_derive::napi;
use sandbar_client::{Args, UrlAccess};
use serde_json::json;

use crate::call::{Found, json, ready, record};
use crate::native_runtime::{Inside, NativeRuntime};

/// Ports, which are `port`, and URLs of files.
pub(crate) fn find(method: &str, args: &Args) -> Found<Inside> {
    Some(match method {
        // An array of PortInfo.
        "ports" => args
            .account()
            .and_then(|call| ready(move |inside: Inside| async move { json(&inside.runtime.ports(&call).await?) })),
        // `null`.
        "waitForPort" => args.wait_for_port().and_then(|(wait, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.wait_for_port(&wait, &call).await?) })
        }),
        // A URL that lets its holder download the file at `path`.
        "downloadUrl" => {
            args.signed_url().and_then(|(url, call)| {
                ready(move |inside: Inside| async move {
                    json(&inside.runtime.signed_url(&url, UrlAccess::Read, &call).await?)
                })
            })
        }
        // A URL that lets its holder upload a file, to `path` if there is one.
        "uploadUrl" => args.signed_url().and_then(|(url, call)| {
            ready(
                |inside: Inside| async move { json(&inside.runtime.signed_url(&url, UrlAccess::Write, &call).await?) },
            )
        }),
        _ => return None,
    })
}

#[napi]
impl NativeRuntime {
    /// Where a port is reached, at once: `{"url": string}`, or `{"record": "<ErrorRecord as JSON>"}`.
    #[napi]
    pub fn host(&self, args: String) -> String {
        let url = Args::parse(&args).and_then(|args| args.port()).map_err(|error| record(error.into()));
        let url = url.and_then(|port| self.inside()?.runtime.host(port).map_err(record));
        match url {
            Ok(url) => json!({ "url": url }).to_string(),
            Err(record) => json!({ "record": record.to_json() }).to_string(),
        }
    }
}
