use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::unfold;
use napi::Env;
use napi_derive::napi;
use sandbar_client::{Args, ClientError, Code, CodeEvent, ErrorRecord};
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use crate::call::{Cancel, Promised, record};
use crate::native_runtime::NativeRuntime;
use crate::promise::promise;
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
            let callee = trace.iter().fold(self.code()?, |callee, trace| callee.within(trace));
            Ok((callee, code, call))
        });
        let (callee, code, call) = match prepared {
            Ok(prepared) => prepared,
            Err(refused) => return NativeStream::refused(refused),
        };
        let (sender, told) = unbounded_channel();
        let told = unfold(told, |mut told| async move { Some((told.recv().await?, told)) });
        NativeStream::new(telling_records(told.boxed(), async move {
            let mut tell = move |event: CodeEvent| {
                // Nobody may be listening any more.
                drop(sender.send(json!({ "told": event }).to_string()));
            };
            callee.run(&code, &call, &mut tell).await.map(|execution| execution.to_string()).map_err(record_of)
        }))
    }

    /// Makes a context: `{"contextId", "language", "cwd"?}`.
    #[napi]
    pub fn create_code_context<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.ask_code(env, args, cancel, Args::create_code_context, |code, (create, call)| async move {
            code.create_context(&create, &call).await.map(|context| json!(context))
        })
    }

    /// The contexts that there are.
    #[napi]
    pub fn code_contexts<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.ask_code(env, args, cancel, Args::account, |code, call| async move {
            code.contexts(&call).await.map(|contexts| json!(contexts))
        })
    }

    /// Starts a context anew.
    #[napi]
    pub fn restart_code_context<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.ask_code(env, args, cancel, Args::of_code_context, |code, (context, call)| async move {
            code.restart_context(&context.context_id, &call).await.map(|context| json!(context))
        })
    }

    /// Ends a context.
    #[napi]
    pub fn remove_code_context<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.ask_code(env, args, cancel, Args::of_code_context, |code, (context, call)| async move {
            code.remove_context(&context.context_id, &call).await.map(|()| Value::Null)
        })
    }

    fn ask_code<'env, A, F>(
        &self,
        env: &'env Env,
        args: String,
        cancel: Cancel<'_>,
        read: fn(&Args) -> Result<A, sandbar_protocol::ValidationError>,
        ask: fn(Code, A) -> F,
    ) -> Promised<'env>
    where
        A: Send + 'static,
        F: Future<Output = Result<Value, Arc<ClientError>>> + Send + 'static,
    {
        let code = self.code();
        let cancelled = cancel.map(|handle| handle.token());
        promise(env, async move {
            let parsed = Args::parse(&args).and_then(|args| Ok((read(&args)?, args.trace())));
            let (arguments, trace) = parsed.map_err(|error| record(error.into()))?;
            let code = trace.iter().fold(code?, |code, trace| code.within(trace));
            let asked = ask(code, arguments);
            let answer = match cancelled {
                Some(cancelled) => cancelled.run_until_cancelled(asked).await,
                None => Some(asked.await),
            };
            match answer {
                Some(answer) => answer.map(|answer| answer.to_string()).map_err(record_of),
                None => Err(Box::new(ErrorRecord::cancelled())),
            }
        })
    }
}

fn record_of(error: Arc<ClientError>) -> Box<ErrorRecord> {
    Box::new(ErrorRecord::from(&*error))
}
