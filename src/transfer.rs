use futures_util::StreamExt;
use futures_util::stream::unfold;
use napi_derive::napi;
use sandbar_client::{Args, TransferProgress};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::native_runtime::{Inside, NativeRuntime};
use crate::stream::NativeStream;
use crate::telling::telling;

/// Transfers are streams: pieces are TransferProgress, and the last one is `{"result": TransferReport}`.
#[napi]
impl NativeRuntime {
    /// Uploads `localPath` to `remotePath`.
    #[napi]
    pub fn upload(&self, args: String) -> NativeStream {
        NativeStream::of(
            self.mailbox(),
            self.inside(),
            &args,
            Args::upload,
            |Inside { runtime, .. }, (transfer, call)| {
                let (sender, told) = unbounded_channel();
                telling(pieces(told), async move {
                    Ok(json!(runtime.upload(&transfer, &teller(sender), &call).await?).to_string().into())
                })
            },
        )
    }

    /// Downloads `remotePath` to `localPath`.
    #[napi]
    pub fn download(&self, args: String) -> NativeStream {
        NativeStream::of(
            self.mailbox(),
            self.inside(),
            &args,
            Args::download,
            |Inside { runtime, .. }, (transfer, call)| {
                let (sender, told) = unbounded_channel();
                telling(pieces(told), async move {
                    Ok(json!(runtime.download(&transfer, &teller(sender), &call).await?).to_string().into())
                })
            },
        )
    }
}

fn teller(sender: UnboundedSender<String>) -> impl Fn(TransferProgress) + Send + Sync {
    // Nobody may be listening any more.
    move |progress| drop(sender.send(json!(progress).to_string()))
}

fn pieces(told: UnboundedReceiver<String>) -> futures_util::stream::BoxStream<'static, String> {
    unfold(told, |mut told| async move { Some((told.recv().await?, told)) }).boxed()
}
