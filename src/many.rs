use futures_util::StreamExt;
use futures_util::stream::unfold;
use napi_derive::napi;
use sandbar_client::{Args, ClientError, CreateMany, CreateReport, Created, DeleteReport, ErrorRecord, OnFailure};
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use crate::native_client::NativeClient;
use crate::outcomes::Given;
use crate::stream::NativeStream;
use crate::telling::telling;

#[napi]
impl NativeClient {
    /// Creates `count` sandboxes, as a stream: pieces are `{"created": n, "failed": n, "total": n}`, the last one is
    /// `{"result": {"sandboxes": [raw, …], "report": {"errors": ["record", …], "message": string, "kept": boolean,
    /// "cleanup": … | null}}}`, with a cleanup as `deleteAll` gives it.
    #[napi]
    pub fn create_many(&self, args: String) -> NativeStream {
        self.stream(&args, Args::create_many, |client, (many, call)| {
            let (sender, told) = unbounded_channel();
            let told = unfold(told, |mut told| async move { Some((told.recv().await?, told)) });
            telling(told.boxed(), async move {
                let total = many.count;
                let progress = move |Created { created, failed }| {
                    // Nobody may be listening any more.
                    drop(sender.send(json!({ "created": created, "failed": failed, "total": total }).to_string()));
                };
                let report = client.create_many(&many, call.clone(), progress).await?;
                Ok(Given::Created(created(&many, &report), client.unclaimed(report.ids(), &call)))
            })
        })
    }
}

fn created(many: &CreateMany, report: &CreateReport) -> String {
    // The raw texts go in as they are.
    let sandboxes: Vec<_> = report.created.iter().map(|answer| answer.text.as_str()).collect();
    let errors: Vec<_> = report.errors.iter().map(record_of).collect();
    let cleanup = report.cleanup.as_ref().map(deleted);
    let kept = many.on_failure == OnFailure::Keep;
    let rest = json!({ "errors": errors, "message": report.message(many.count), "kept": kept, "cleanup": cleanup });
    format!(r#"{{"sandboxes":[{}],"report":{rest}}}"#, sandboxes.join(","))
}

pub(crate) fn deleted(report: &DeleteReport) -> Value {
    let failed = report.failed.iter().map(|(id, error)| json!({ "sandboxId": id, "record": record_of(error) }));
    json!({ "deleted": report.deleted, "failed": Value::from_iter(failed) })
}

fn record_of(error: &ClientError) -> String {
    ErrorRecord::from(error).to_json()
}
