use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Bytes;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;

use super::arguments::WriteCall;
use super::body::{Chunk, body_of};
use super::write::{WriteInfo, Written, written_at};
use crate::answer::RawAnswer;
use crate::error::{Awaited, Call};
use crate::runtime::call::RuntimeRequest;
use crate::{CallOptions, ClientError, Runtime, TransportKind};

/// What is held back to be sent as a whole, in bytes.
const SMALL: usize = 1024 * 1024;

/// The sending of a file that is made meanwhile.
pub type Upload = BoxFuture<'static, Result<WriteInfo, ClientError>>;

/// Where the content of a file goes that is sent meanwhile. Dropped without [`FileWriter::finish`], it breaks the upload
/// off: the file is then as it was before.
#[derive(Debug)]
pub struct FileWriter {
    chunks: Sender<Chunk>,
    /// Closed when the upload is over, while its connection may still take bytes.
    over: watch::Receiver<()>,
}

impl FileWriter {
    /// Takes bytes as soon as there is room for them; false if no more are taken, and the upload says why.
    pub async fn write(&self, bytes: impl Into<Bytes>) -> bool {
        let bytes = bytes.into();
        // An empty chunk would end a body that is sent in chunks.
        if bytes.is_empty() {
            return true;
        }
        let mut over = self.over.clone();
        tokio::select! {
            biased;
            // Nothing is ever sent: it ends with its sender.
            _ = over.changed() => false,
            sent = self.chunks.send(Chunk::Bytes(bytes)) => sent.is_ok(),
        }
    }

    /// All of it was written.
    pub async fn finish(self) {
        // An upload that failed has said so.
        let _ = self.chunks.send(Chunk::End).await;
    }
}

impl Runtime {
    /// Begins to send a file of any size in constant memory. It is there as a whole, or as it was before.
    ///
    /// What turns out to be small is sent as [`Runtime::write_file`] does, and repeated where that may help. Anything else is
    /// sent once; that the runtime is there is made sure of before, by a small call if the last one is a while ago. The
    /// request timeout then counts for each wait for the other side: until it takes more, and for its answer in the end.
    ///
    /// Route: `POST {envdUrl}/files`.
    pub fn upload_file(&self, write: WriteCall, call: &CallOptions) -> (FileWriter, Upload) {
        let (chunks, mut body, flow) = body_of(write.size);
        let (under_way, over) = watch::channel(());
        let (runtime, call) = (self.clone(), call.clone());
        let upload = async move {
            let _under_way = under_way;
            match body.all_within(SMALL).await {
                Ok(None) => (),
                Ok(Some(data)) => return runtime.write_file(write, data, &call).await,
                Err(error) => return Err(runtime.given_up(&error)),
            }
            runtime.make_sure(&call).await?;
            let patience = runtime.client.limits(&call).timeout;
            let call = CallOptions { request_timeout: None, ..call };
            let mut request = RuntimeRequest::post("/files").query("path", &write.path);
            if let Some(mode) = write.mode {
                request = request.query("mode", mode.to_string());
            }
            let request = request.stream(body).patient();
            let sent = tokio::select! {
                outcome = runtime.send(request, &call, RawAnswer::array::<Written>) => outcome,
                () = flow.stalled(patience) => Err(runtime.stalled(patience)),
            };
            match sent {
                Ok(answer) => Ok(written_at(&write.path, answer.value, flow.sent())),
                Err(error) => {
                    // It can't be repeated: whoever does so must find the right place.
                    runtime.access.doubted();
                    Err(error)
                }
            }
        };
        (FileWriter { chunks, over }, upload.boxed())
    }

    fn stalled(&self, limit: Duration) -> ClientError {
        ClientError::RequestTimeout {
            limit,
            awaited: Awaited::Room,
            causes: Vec::new(),
            call: Box::new(self.upload_call()),
        }
    }

    /// The error that nobody waits for: the source has one of its own.
    fn given_up(&self, error: &std::io::Error) -> ClientError {
        let causes = vec![error.to_string()];
        let call = Box::new(self.upload_call());
        ClientError::Transport { kind: TransportKind::Other, origin: String::new(), causes, call }
    }

    fn upload_call(&self) -> Call {
        Call { method: "POST", ..self.call_to("/files") }
    }
}
