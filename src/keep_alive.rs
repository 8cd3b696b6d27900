use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};
use napi_derive::napi;
use sandbar_client::{Args, CallOptions, Client, ErrorRecord, KeepAliveCall};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::call::record;
use crate::native_client::NativeClient;
use crate::outcomes::{Mailbox, defect};
use crate::runtime::spawn;

/// Tells the JS face what happens. Weak: waiting for the next refresh does not keep the process alive.
type Tell = ThreadsafeFunction<String, (), String, Status, false, true>;

/// A sandbox that is kept alive until `stop()`, or until there is nothing to keep alive any more.
#[napi]
pub struct NativeKeepAlive {
    mailbox: Mailbox,
    refused: Option<Box<ErrorRecord>>,
    task: Option<AbortHandle>,
    /// Closed once the task is over.
    running: Option<watch::Receiver<()>>,
}

#[napi]
impl NativeClient {
    /// Keeps a sandbox alive; `options.duration` is how long it has at least, in seconds.
    ///
    /// `tell` is called with JSON text: `{"endAt": string | null}` after a refresh, and once, at the end of it,
    /// `{"ended": true}`, with the `"record"` of the error if a refresh failed for good.
    #[napi]
    pub fn keep_alive(&self, args: String, tell: Function<'_, String, ()>) -> Result<NativeKeepAlive> {
        let tell = tell.build_threadsafe_function().weak::<true>().build()?;
        let prepared = Args::parse(&args).and_then(|args| args.keep_alive()).map_err(|error| record(error.into()));
        Ok(match prepared.and_then(|(keep, call)| Ok((self.client()?, keep, call))) {
            Ok((client, keep, call)) => NativeKeepAlive::begin(self.mailbox(), client, keep, call, tell),
            Err(refused) => {
                let mailbox = self.mailbox().clone();
                NativeKeepAlive { mailbox, refused: Some(refused), task: None, running: None }
            }
        })
    }
}

#[napi]
impl NativeKeepAlive {
    fn begin(mailbox: &Mailbox, client: Client, keep: KeepAliveCall, call: CallOptions, tell: Tell) -> Self {
        let (alive, running) = watch::channel(());
        let task = spawn(async move {
            let _alive = alive;
            let refreshed = |end_at| say(&tell, &json!({ "endAt": end_at }));
            let outcome = AssertUnwindSafe(client.keep_alive(&keep, call, refreshed)).catch_unwind().await;
            let failure = match outcome {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(record(error)),
                Err(_) => Some(Box::new(defect())),
            };
            say(&tell, &json!({ "ended": true, "record": failure.map(|record| record.to_json()) }));
        });
        let mailbox = mailbox.clone();
        match task {
            Ok(task) => Self { mailbox, refused: None, task: Some(task.abort_handle()), running: Some(running) },
            Err(refused) => Self { mailbox, refused: Some(refused), task: None, running: None },
        }
    }

    /// What is wrong with the arguments or the configuration, as an ErrorRecord's JSON text; null if nothing is.
    #[napi]
    pub fn error(&self) -> Option<String> {
        self.refused.as_ref().map(|record| record.to_json())
    }

    /// Stops at once; the outcome comes when nothing is in flight any more.
    #[napi]
    pub fn stop(&self, place: u32) {
        self.abort();
        let running = self.running.clone();
        self.mailbox.settle(place, async move {
            if let Some(mut running) = running {
                // An error says that the task has let go of its end.
                while running.changed().await.is_ok() {}
            }
            Ok("null".to_owned())
        });
    }

    fn abort(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Drop for NativeKeepAlive {
    /// The environment that asked for it is gone: a worker that was ended.
    fn drop(&mut self) {
        self.abort();
    }
}

fn say(tell: &Tell, what: &serde_json::Value) {
    // If the environment is gone, there is nobody to tell.
    tell.call(what.to_string(), ThreadsafeFunctionCallMode::NonBlocking);
}
