use futures_util::stream::unfold;
use futures_util::{StreamExt, TryFutureExt};
use napi_derive::napi;
use sandbar_client::{Answer, Args, ClientError, Onlooker};
use sandbar_protocol::Sandbox;

use crate::native_client::NativeClient;
use crate::stream::{NativeStream, Pieces};
use crate::telling::telling;

/// Each is its namesake without `Telling`, as a stream: pieces are `{"sandbox": raw, "events": [raw, …]}` while it waits,
/// the last one is `{"result": {"sandbox": raw, "replayed": boolean}}`.
#[napi]
impl NativeClient {
    /// Creates a sandbox; the service is not asked to hold the answer until it is ready.
    #[napi]
    pub fn create_telling(&self, args: String) -> NativeStream {
        self.stream(&args, Args::create, |client, (options, call)| {
            seen(|onlooker| async move { client.create_seen(&options, &onlooker, call).await })
        })
    }

    /// Connects to a sandbox.
    #[napi]
    pub fn connect_telling(&self, args: String) -> NativeStream {
        self.stream(&args, Args::connect, |client, (connect, call)| {
            seen(|onlooker| async move {
                let (id, options) = (&connect.sandbox_id, &connect.options);
                client.connect_seen(id, options, connect.wait, &onlooker, call).await
            })
        })
    }

    /// Waits until a sandbox is usable.
    #[napi]
    pub fn wait_ready_telling(&self, args: String) -> NativeStream {
        self.stream(&args, Args::sandbox, |client, (id, call)| {
            seen(|onlooker| async move { client.wait_ready_seen(&id, &onlooker, call).await })
        })
    }
}

fn seen<F>(call: impl FnOnce(Onlooker) -> F) -> Pieces
where
    F: Future<Output = Result<Answer<Sandbox>, ClientError>> + Send + 'static,
{
    let (onlooker, progress) = Onlooker::with_progress();
    let told = unfold(progress, |mut progress| async move { Some((progress.next().await?, progress)) });
    // The raw text goes in as it is.
    let result = |Answer { text, replayed, .. }| format!(r#"{{"sandbox":{text},"replayed":{replayed}}}"#);
    telling(told.boxed(), call(onlooker).map_ok(result))
}
