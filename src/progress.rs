use futures_util::future::BoxFuture;
use futures_util::stream::try_unfold;
use futures_util::{FutureExt, StreamExt};
use napi_derive::napi;
use sandbar_client::{Args, ClientError, Onlooker, Progress};

use crate::native_client::{NativeClient, record};
use crate::promise::Outcome;
use crate::stream::{NativeStream, Pieces};

/// A call that waits, and what it sees.
struct Telling {
    progress: Progress,
    call: Option<BoxFuture<'static, Outcome>>,
    outcome: Option<Outcome>,
}

/// Each is its namesake without `Telling`, as a stream: pieces are `{"sandbox": raw, "events": [raw, …]}` while it waits,
/// the last one is `{"result": raw}`.
#[napi]
impl NativeClient {
    /// Creates a sandbox; the service is not asked to hold the answer until it is ready.
    #[napi]
    pub fn create_telling(&self, args: String) -> NativeStream {
        self.stream(&args, Args::create, |client, (options, call)| {
            telling(|onlooker| async move { Ok(client.create_seen(&options, &onlooker, call).await?.text) })
        })
    }

    /// Connects to a sandbox.
    #[napi]
    pub fn connect_telling(&self, args: String) -> NativeStream {
        self.stream(&args, Args::connect, |client, (connect, call)| {
            telling(|onlooker| async move {
                let (id, options) = (&connect.sandbox_id, &connect.options);
                Ok(client.connect_seen(id, options, connect.wait, &onlooker, call).await?.text)
            })
        })
    }

    /// Waits until a sandbox is usable.
    #[napi]
    pub fn wait_ready_telling(&self, args: String) -> NativeStream {
        self.stream(&args, Args::sandbox, |client, (id, call)| {
            telling(|onlooker| async move { Ok(client.wait_ready_seen(&id, &onlooker, call).await?.text) })
        })
    }
}

fn telling<F>(call: impl FnOnce(Onlooker) -> F) -> Pieces
where
    F: Future<Output = Result<String, ClientError>> + Send + 'static,
{
    let (onlooker, progress) = Onlooker::with_progress();
    let call = call(onlooker).map(|outcome| outcome.map_err(record)).boxed();
    let telling = Telling { progress, call: Some(call), outcome: None };
    try_unfold(telling, |mut telling| async move { Ok(telling.next().await?.map(|piece| (piece, telling))) }).boxed()
}

impl Telling {
    /// All that was seen comes before the outcome.
    async fn next(&mut self) -> Result<Option<String>, Box<sandbar_client::ErrorRecord>> {
        while let Some(call) = &mut self.call {
            tokio::select! {
                biased;
                Some(news) = self.progress.next() => return Ok(Some(news)),
                outcome = call => {
                    self.outcome = Some(outcome);
                    // Its onlooker goes with it, so that the progress has an end.
                    self.call = None;
                }
            }
        }
        if let Some(news) = self.progress.next().await {
            return Ok(Some(news));
        }
        let result = self.outcome.take().transpose()?;
        Ok(result.map(|raw| format!(r#"{{"result":{raw}}}"#)))
    }
}
