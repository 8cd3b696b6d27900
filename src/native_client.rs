use std::time::Duration;

use napi::Env;
use napi_derive::napi;
use sandbar_client::{Args, Client, ClientError};
use sandbar_protocol::ValidationError;
use serde_json::json;

use crate::call::{Callee, Cancel, Promised, call, record};
use crate::promise::promise;

/// The service's routes for the JS face. Each call takes `{sandboxId?, template?, options?, trace?}` as JSON text and promises
/// JSON text; it rejects with `{record: "<ErrorRecord as JSON>"}`. A handle ends it early.
#[napi]
pub struct NativeClient {
    client: Callee<Client>,
}

/// How long what is to be cleaned up may keep a process from its end.
const SETTLE_WITHIN: Duration = Duration::from_secs(15);

#[napi]
impl NativeClient {
    pub(crate) fn new(client: Result<Client, ClientError>) -> Self {
        Self { client: client.map_err(record) }
    }

    /// The client, or what is wrong with its configuration.
    pub(crate) fn client(&self) -> Callee<Client> {
        self.client.clone()
    }

    /// What is wrong with the configuration, as an ErrorRecord's JSON text; null if nothing is.
    #[napi]
    pub fn config_error(&self) -> Option<String> {
        self.client.as_ref().err().map(|record| record.to_json())
    }

    /// Waits, at most 15 s, until nothing is left to delete of creates that failed or were cancelled.
    #[napi]
    pub fn settled<'env>(&self, env: &'env Env) -> Promised<'env> {
        let client = self.client.clone();
        promise(env, async move {
            if let Ok(client) = client {
                let _ = tokio::time::timeout(SETTLE_WITHIN, client.settled()).await;
            }
            Ok("null".to_owned())
        })
    }

    /// Creates a sandbox: the raw Sandbox, or its detail if it had to be waited for.
    #[napi]
    pub fn create<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::create, |client, (options, call)| async move {
            Ok(client.create(&options, call).await?.text)
        })
    }

    /// Connects to a sandbox, resuming it if need be: the raw Sandbox, or its detail if it had to be waited for.
    #[napi]
    pub fn connect<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::connect, |client, (connect, call)| async move {
            Ok(client.connect(&connect.sandbox_id, &connect.options, connect.wait, call).await?.text)
        })
    }

    /// Looks at a sandbox: the raw SandboxDetail.
    #[napi]
    pub fn get_info<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::sandbox, |client, (id, call)| async move {
            Ok(client.get(&id, call).await?.text)
        })
    }

    /// Waits until a sandbox is usable: the raw SandboxDetail.
    #[napi]
    pub fn wait_ready<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::sandbox, |client, (id, call)| async move {
            Ok(client.wait_ready(&id, call).await?.text)
        })
    }

    /// Lists sandboxes: `{"sandboxes": [raw, …], "nextToken": string | null, "hasNext": boolean}`.
    #[napi]
    pub fn list<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::list, |client, (query, call)| async move {
            let page = client.list(&query, call).await?;
            let token = json!(page.next_token);
            // The raw text goes in as it is.
            let sandboxes = page.sandboxes.text;
            Ok(format!(r#"{{"sandboxes":{sandboxes},"nextToken":{token},"hasNext":{}}}"#, page.has_next))
        })
    }

    /// Deletes a sandbox: `true`, or `false` if there was none.
    #[napi]
    pub fn kill<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::sandbox, |client, (id, call)| async move {
            Ok(client.delete(&id, call).await?.to_string())
        })
    }

    /// Pauses a sandbox: `true`, or `false` if it was paused already.
    #[napi]
    pub fn pause<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::sandbox, |client, (id, call)| async move {
            Ok(client.pause(&id, call).await?.to_string())
        })
    }

    /// Sets when a sandbox ends, by `options.timeout`: `{"endAt": string | null}`.
    #[napi]
    pub fn set_timeout<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::timeout, |client, (id, options, call)| async move {
            Ok(json!({"endAt": client.set_timeout(&id, &options, call).await?}).to_string())
        })
    }

    /// Extends a sandbox's life, by `options.duration` if given: `{"endAt": string | null}`.
    #[napi]
    pub fn refresh<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::refresh, |client, (id, options, call)| async move {
            Ok(json!({"endAt": client.refresh(&id, &options, call).await?}).to_string())
        })
    }

    /// Reads a sandbox's log lines: the raw SandboxLogs.
    #[napi]
    pub fn logs<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::logs, |client, (id, query, call)| async move {
            Ok(client.logs(&id, &query, call).await?.text)
        })
    }

    /// Reads a sandbox's counters: the raw MetricSnapshot.
    #[napi]
    pub fn metrics<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::sandbox, |client, (id, call)| async move {
            Ok(client.metrics(&id, call).await?.text)
        })
    }

    /// Reads the counters of `options.sandboxIds`, at most `options.limit`: the raw batch.
    #[napi]
    pub fn metrics_batch<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::metrics_batch, |client, (query, call)| async move {
            Ok(client.metrics_batch(&query, call).await?.text)
        })
    }

    /// Reads whether the service is well: the raw ObservabilitySummary.
    #[napi]
    pub fn observability_summary<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::account, |client, call| async move {
            Ok(client.observability_summary(call).await?.text)
        })
    }

    /// Reads usage and limits: the raw SandboxUsageLimits.
    #[napi]
    pub fn usage_limits<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(
            env,
            args,
            cancel,
            Args::account,
            |client, call| async move { Ok(client.usage_limits(call).await?.text) },
        )
    }

    pub(crate) fn call<'env, A, F>(
        &self,
        env: &'env Env,
        args: String,
        cancel: Cancel<'_>,
        read: fn(&Args) -> Result<A, ValidationError>,
        run: fn(Client, A) -> F,
    ) -> Promised<'env>
    where
        A: Send + 'static,
        F: Future<Output = Result<String, ClientError>> + Send + 'static,
    {
        call(env, &self.client, args, cancel, read, run)
    }
}
