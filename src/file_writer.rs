use std::sync::Arc;

use futures_util::FutureExt;
use napi_derive::napi;
use sandbar_client::{Args, ErrorRecord, FileWriter, Upload};
use tokio::sync::{Mutex, oneshot};
use tokio_util::sync::CancellationToken;

use crate::call::{Callee, record};
use crate::native_runtime::NativeRuntime;
use crate::outcomes::{Mailbox, Outcome, defect};
use crate::runtime::spawn;

/// A file that is sent while it is made. It is there as a whole after `end()` and a good `outcome()`, and
/// as it was before in any other case.
#[napi]
pub struct NativeWriter {
    mailbox: Mailbox,
    writer: Arc<Mutex<Option<FileWriter>>>,
    outcome: Arc<Mutex<Option<oneshot::Receiver<Outcome>>>>,
    aborted: CancellationToken,
}

#[napi]
impl NativeRuntime {
    /// Begins to send a file.
    #[napi]
    pub fn writer(&self, args: String) -> NativeWriter {
        let (sender, outcome) = oneshot::channel();
        let aborted = CancellationToken::new();
        let begun = self.begin(&args);
        let (writer, sending) = match begun {
            Ok((writer, upload)) => {
                let upload = upload.map(|outcome| match outcome {
                    Ok(info) => Ok(serde_json::to_string(&info).unwrap_or_default()),
                    Err(error) => Err(record(error)),
                });
                (Some(writer), upload.boxed())
            }
            Err(refused) => (None, futures_util::future::ready(Err(refused)).boxed()),
        };
        let stop = aborted.clone();
        // If it can't be run, the outcome says so.
        drop(spawn(async move {
            let outcome = stop.run_until_cancelled(sending).await;
            // Nobody may be waiting any more.
            let _ = sender.send(outcome.unwrap_or_else(|| Err(Box::new(ErrorRecord::cancelled()))));
        }));
        let (writer, outcome) = (Arc::new(Mutex::new(writer)), Arc::new(Mutex::new(Some(outcome))));
        NativeWriter { mailbox: self.mailbox().clone(), writer, outcome, aborted }
    }

    fn begin(&self, args: &str) -> Callee<(FileWriter, Upload)> {
        let parsed = Args::parse(args).and_then(|args| Ok((args.write_file()?, args.trace())));
        let ((write, call), trace) = parsed.map_err(|error| record(error.into()))?;
        let runtime = trace.iter().fold(self.inside()?.runtime, |runtime, trace| runtime.within(trace));
        Ok(runtime.upload_file(write, &call))
    }
}

#[napi]
impl NativeWriter {
    /// Takes bytes, and is done once there is room for more; false if no more are taken: `outcome()` says why.
    #[napi]
    pub fn write(&self, place: u32, content: &[u8]) {
        let (writer, bytes) = (Arc::clone(&self.writer), content.to_vec());
        self.mailbox.settle(place, async move {
            match writer.lock().await.as_ref() {
                Some(writer) => Ok(writer.write(bytes).await),
                None => Ok(false),
            }
        });
    }

    /// Says that all of it was written.
    #[napi]
    pub fn end(&self) {
        let writer = Arc::clone(&self.writer);
        drop(spawn(async move {
            if let Some(writer) = writer.lock().await.take() {
                writer.finish().await;
            }
        }));
    }

    /// What became of it, once that is known; to be asked for once: a WriteInfo.
    #[napi]
    pub fn outcome(&self, place: u32) {
        let (writer, outcome) = (Arc::clone(&self.writer), Arc::clone(&self.outcome));
        self.mailbox.settle(place, async move {
            let outcome = match outcome.lock().await.take() {
                Some(outcome) => outcome.await.unwrap_or_else(|_| Err(Box::new(defect()))),
                None => Err(Box::new(defect())),
            };
            // Its connection would wait for more of a file that was refused.
            *writer.lock().await = None;
            outcome
        });
    }

    /// Breaks it off: the file is as it was before.
    #[napi]
    pub fn abort(&self) {
        self.aborted.cancel();
    }
}
