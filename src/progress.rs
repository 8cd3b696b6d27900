use futures_util::StreamExt;
use futures_util::stream::unfold;
use napi_derive::napi;
use sandbar_client::{Answer, Args, ClientError, Onlooker};
use sandbar_protocol::Sandbox;

use crate::native_client::NativeClient;
use crate::outcomes::{Given, unclaimed};
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
            seen(|onlooker| async move {
                let answer = client.create_seen(&options, &onlooker, call.clone()).await?;
                Ok(Given::Created(result(&answer), unclaimed(&client, &answer, &call)))
            })
        })
    }

    /// Connects to a sandbox.
    #[napi]
    pub fn connect_telling(&self, args: String) -> NativeStream {
        self.stream(&args, Args::connect, |client, (connect, call)| {
            seen(|onlooker| async move {
                let (id, options) = (&connect.sandbox_id, &connect.options);
                client
                    .connect_seen(id, options, connect.wait, &onlooker, call)
                    .await
                    .map(|answer| result(&answer).into())
            })
        })
    }

    /// Waits until a sandbox is usable.
    #[napi]
    pub fn wait_ready_telling(&self, args: String) -> NativeStream {
        self.stream(&args, Args::sandbox, |client, (id, call)| {
            seen(|onlooker| async move {
                client.wait_ready_seen(&id, &onlooker, call).await.map(|answer| result(&answer).into())
            })
        })
    }
}

fn seen<F>(call: impl FnOnce(Onlooker) -> F) -> Pieces
where
    F: Future<Output = Result<Given, ClientError>> + Send + 'static,
{
    let (onlooker, progress) = Onlooker::with_progress();
    let told = unfold(progress, |mut progress| async move { Some((progress.next().await?, progress)) });
    telling(told.boxed(), call(onlooker))
}

/// The raw text goes in as it is.
fn result(Answer { text, replayed, .. }: &Answer<Sandbox>) -> String {
    format!(r#"{{"sandbox":{text},"replayed":{replayed}}}"#)
}
