use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, try_unfold};
use futures_util::{FutureExt, StreamExt};
use sandbar_client::ClientError;

use crate::call::record;
use crate::outcomes::{Given, Outcome};
use crate::stream::Pieces;

/// A call, and what it tells meanwhile.
struct Telling {
    told: BoxStream<'static, String>,
    call: Option<BoxFuture<'static, Outcome<Given>>>,
    /// Sandboxes in it are deleted if it is dropped.
    outcome: Option<Outcome<Given>>,
}

/// A call as a stream: pieces are what it tells, and the last one is `{"result": …}`. `told` ends with the call.
pub(crate) fn telling<F>(told: BoxStream<'static, String>, call: F) -> Pieces
where
    F: Future<Output = Result<Given, ClientError>> + Send + 'static,
{
    telling_records(told, call.map(|outcome| outcome.map_err(record)))
}

/// The same of a call whose errors are records already.
pub(crate) fn telling_records<F>(told: BoxStream<'static, String>, call: F) -> Pieces
where
    F: Future<Output = Outcome<Given>> + Send + 'static,
{
    let call = call.boxed();
    // It may end before the call does.
    let telling = Telling { told: told.fuse().boxed(), call: Some(call), outcome: None };
    try_unfold(telling, |mut telling| async move { Ok(telling.next().await?.map(|piece| (piece, telling))) }).boxed()
}

impl Telling {
    /// All that was told comes before the outcome.
    async fn next(&mut self) -> Outcome<Option<Given>> {
        while let Some(call) = &mut self.call {
            tokio::select! {
                biased;
                Some(piece) = self.told.next() => return Ok(Some(piece.into())),
                outcome = call => {
                    self.outcome = Some(outcome);
                    // With it goes its end of what is told.
                    self.call = None;
                }
            }
        }
        if let Some(piece) = self.told.next().await {
            return Ok(Some(piece.into()));
        }
        let result = self.outcome.take().transpose()?;
        Ok(result.map(|given| given.map_text(|raw| format!(r#"{{"result":{raw}}}"#))))
    }
}
