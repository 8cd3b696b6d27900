use std::time::Duration;

use napi_derive::napi;
use sandbar_client::{Args, Client, ClientError};
use serde_json::json;

use crate::call::{Callee, Cancel, Found, call, json, ready, record, route};
use crate::many::deleted;
use crate::outcomes::{Given, Mailbox, unclaimed, with_id};
use crate::runtime::enter;

/// The service's routes for the JS face.
#[napi]
pub struct NativeClient {
    client: Callee<Client>,
    mailbox: Mailbox,
}

/// How long what is to be cleaned up may keep a process from its end.
const SETTLE_WITHIN: Duration = Duration::from_secs(15);

#[napi]
impl NativeClient {
    pub(crate) fn new(client: Result<Client, ClientError>, mailbox: Mailbox) -> Self {
        Self { client: client.map_err(record), mailbox }
    }

    /// The client, or what is wrong with its configuration.
    pub(crate) fn client(&self) -> Callee<Client> {
        self.client.clone()
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// What is wrong with the configuration, as an ErrorRecord's JSON text; null if nothing is.
    #[napi]
    pub fn config_error(&self) -> Option<String> {
        self.client.as_ref().err().map(|record| record.to_json())
    }

    /// Waits, at most 15 s, until nothing is left to delete of creates that failed or were cancelled.
    #[napi]
    pub fn settled(&self, place: u32) {
        let client = self.client.clone();
        self.mailbox.settle(place, async move {
            if let Ok(client) = client {
                let _ = tokio::time::timeout(SETTLE_WITHIN, client.settled()).await;
            }
            Ok("null".to_owned())
        });
    }

    /// Deletes sandboxes of a create in the background that could not be passed on, if its options allow that: `{options?}` as
    /// JSON text.
    #[napi]
    pub fn discard(&self, sandbox_ids: Vec<String>, args: String) {
        let call = Args::parse(&args).and_then(|args| args.create());
        if let (Ok(client), Ok((_, call)), Ok(_entered)) = (&self.client, call, enter()) {
            drop(client.unclaimed(sandbox_ids, &call));
        }
    }

    /// Runs a call with `{sandboxId?, template?, options?, trace?}` as JSON text. Its outcome, JSON text unless said otherwise, is put at `place`;
    /// a handle ends it early.
    #[napi]
    pub fn call(&self, method: String, place: u32, args: String, cancel: Cancel<'_>) {
        call(&self.mailbox, place, &self.client, args, cancel, route(&method, find));
    }
}

/// The calls on the service, by their names.
fn find(method: &str, args: &Args) -> Found<Client> {
    Some(match method {
        // The ID, and the raw Sandbox, or its detail if it had to be waited for.
        "create" => args.create().and_then(|(options, call)| {
            ready(move |client: Client| async move {
                let answer = client.create(&options, call.clone()).await?;
                Ok(Given::Created(with_id(&answer), unclaimed(&client, &answer, &call)))
            })
        }),
        // The ID, and the raw Sandbox, or its detail if it had to be waited for.
        "connect" => args.connect().and_then(|(connect, call)| {
            ready(move |client: Client| async move {
                client.connect(&connect.sandbox_id, &connect.options, connect.wait, call).await
            })
        }),
        // The raw SandboxDetail.
        "getInfo" => args
            .sandbox()
            .and_then(|(id, call)| ready(move |client: Client| async move { Ok(client.get(&id, call).await?.text) })),
        // The ID, and the raw SandboxDetail.
        "waitReady" => args
            .sandbox()
            .and_then(|(id, call)| ready(move |client: Client| async move { client.wait_ready(&id, call).await })),
        // `{"sandboxes": [raw, …], "nextToken": string | null, "hasNext": boolean}`.
        "list" => args.list().and_then(|(query, call)| {
            ready(move |client: Client| async move {
                let page = client.list(&query, call).await?;
                let token = json!(page.next_token);
                // The raw text goes in as it is.
                let sandboxes = page.sandboxes.text;
                Ok(format!(r#"{{"sandboxes":{sandboxes},"nextToken":{token},"hasNext":{}}}"#, page.has_next))
            })
        }),
        // `true`, or `false` if there was none.
        "kill" => args
            .sandbox()
            .and_then(|(id, call)| ready(move |client: Client| async move { json(&client.delete(&id, call).await?) })),
        // `true`, or `false` if it was paused already.
        "pause" => args
            .sandbox()
            .and_then(|(id, call)| ready(move |client: Client| async move { json(&client.pause(&id, call).await?) })),
        // `{"endAt": string | null}`.
        "setTimeout" => args.timeout().and_then(|(id, options, call)| {
            ready(move |client: Client| async move {
                json(&json!({"endAt": client.set_timeout(&id, &options, call).await?}))
            })
        }),
        // `{"endAt": string | null}`.
        "refresh" => {
            args.refresh().and_then(|(id, options, call)| {
                ready(move |client: Client| async move {
                    json(&json!({"endAt": client.refresh(&id, &options, call).await?}))
                })
            })
        }
        // The raw SandboxLogs.
        "logs" => args.logs().and_then(|(id, query, call)| {
            ready(move |client: Client| async move { Ok(client.logs(&id, &query, call).await?.text) })
        }),
        // The raw MetricSnapshot.
        "metrics" => args.sandbox().and_then(|(id, call)| {
            ready(move |client: Client| async move { Ok(client.metrics(&id, call).await?.text) })
        }),
        // The raw batch.
        "metricsBatch" => args.metrics_batch().and_then(|(query, call)| {
            ready(move |client: Client| async move { Ok(client.metrics_batch(&query, call).await?.text) })
        }),
        // The raw ObservabilitySummary.
        "observabilitySummary" => args.account().and_then(|call| {
            ready(move |client: Client| async move { Ok(client.observability_summary(call).await?.text) })
        }),
        // The raw SandboxUsageLimits.
        "usageLimits" => args
            .account()
            .and_then(|call| ready(move |client: Client| async move { Ok(client.usage_limits(call).await?.text) })),
        // `{"deleted": [id, …], "failed": [{"sandboxId", "record"}, …]}`.
        "deleteAll" => args.delete_all().and_then(|(all, call)| {
            ready(move |client: Client| async move { json(&deleted(&client.delete_all(&all, call).await?)) })
        }),
        _ => return None,
    })
}
