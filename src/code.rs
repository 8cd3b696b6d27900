use std::sync::Arc;

use futures_util::stream::unfold;
use futures_util::{FutureExt, StreamExt};
use napi_derive::napi;
use sandbar_client::{Args, ClientError, Code, CodeEvent, ErrorRecord};
use sandbar_protocol::ValidationError;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use crate::call::{Found, Ready, record};
use crate::native_runtime::{Inside, NativeRuntime};
use crate::stream::NativeStream;
use crate::telling::telling_records;

#[napi]
impl NativeRuntime {
    /// Runs code, as a stream: pieces are `{"stdout" | "stderr": {"line", "error", "timestamp"}}`, `{"result": …}` and
    /// `{"error": …}`, the last one is `{"result": {"execution": …}}`.
    #[napi]
    pub fn run_code(&self, args: String) -> NativeStream {
        let parsed = Args::parse(&args).and_then(|args| Ok((args.run_code()?, args.trace())));
        let prepared = parsed.map_err(|error| record(error.into())).and_then(|((code, call), trace)| {
            let callee = trace.iter().fold(self.inside()?.code, |callee, trace| callee.within(trace));
            Ok((callee, code, call))
        });
        let (callee, code, call) = match prepared {
            Ok(prepared) => prepared,
            Err(refused) => return NativeStream::refused(self.mailbox(), refused),
        };
        let (sender, told) = unbounded_channel();
        let told = unfold(told, |mut told| async move { Some((told.recv().await?, told)) });
        NativeStream::new(
            self.mailbox(),
            telling_records(told.boxed(), async move {
                let mut tell = move |event: CodeEvent| {
                    // Nobody may be listening any more.
                    drop(sender.send(json!({ "told": event }).to_string()));
                };
                callee
                    .run(&code, &call, &mut tell)
                    .await
                    .map(|execution| execution.to_string().into())
                    .map_err(record_of)
            }),
        )
    }
}

/// The contexts that code runs in.
pub(crate) fn find(method: &str, args: &Args) -> Found<Inside> {
    Some(match method {
        // `{"contextId", "language", "cwd"?}`.
        "createCodeContext" => args.create_code_context().and_then(|(create, call)| {
            asked(move |code| async move { code.create_context(&create, &call).await.map(|context| json!(context)) })
        }),
        // An array of these.
        "codeContexts" => args.account().and_then(|call| {
            asked(move |code| async move { code.contexts(&call).await.map(|contexts| json!(contexts)) })
        }),
        // The same, started anew.
        "restartCodeContext" => args.of_code_context().and_then(|(context, call)| {
            asked(move |code| async move {
                code.restart_context(&context.context_id, &call).await.map(|context| json!(context))
            })
        }),
        // `null`.
        "removeCodeContext" => args.of_code_context().and_then(|(context, call)| {
            asked(
                move |code| async move { code.remove_context(&context.context_id, &call).await.map(|()| Value::Null) },
            )
        }),
        _ => return None,
    })
}

/// A call on the contexts, whose errors many may share.
fn asked<F>(ask: impl FnOnce(Code) -> F + Send + 'static) -> Result<Ready<Inside>, ValidationError>
where
    F: Future<Output = Result<Value, Arc<ClientError>>> + Send + 'static,
{
    Ok(Box::new(|inside| {
        ask(inside.code).map(|answer| answer.map(|value| value.to_string().into()).map_err(record_of)).boxed()
    }))
}

fn record_of(error: Arc<ClientError>) -> Box<ErrorRecord> {
    Box::new(ErrorRecord::from(&*error))
}
