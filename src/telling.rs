use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, try_unfold};
use futures_util::{FutureExt, StreamExt};
use sandbar_client::{ClientError, ErrorRecord};

use crate::call::record;
use crate::outcomes::Outcome;
use crate::stream::Pieces;

/// A call, and what it tells meanwhile.
struct Telling {
    told: BoxStream<'static, String>,
    call: Option<BoxFuture<'static, Outcome>>,
    outcome: Option<Outcome>,
}

/// A call as a stream: pieces are what it tells, and the last one is `{"result": …}`. `told` ends with the call.
pub(crate) fn telling<F>(told: BoxStream<'static, String>, call: F) -> Pieces
where
    F: Future<Output = Result<String, ClientError>> + Send + 'static,
{
    telling_records(told, call.map(|outcome| outcome.map_err(record)))
}

/// The same of a call whose errors are records already.
pub(crate) fn telling_records<F>(told: BoxStream<'static, String>, call: F) -> Pieces
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let call = call.boxed();
    // It may end before the call does.
    let telling = Telling { told: told.fuse().boxed(), call: Some(call), outcome: None };
    try_unfold(telling, |mut telling| async move { Ok(telling.next().await?.map(|piece| (piece, telling))) }).boxed()
}

impl Telling {
    /// All that was told comes before the outcome.
    async fn next(&mut self) -> Result<Option<String>, Box<ErrorRecord>> {
        while let Some(call) = &mut self.call {
            tokio::select! {
                biased;
                Some(piece) = self.told.next() => return Ok(Some(piece)),
                outcome = call => {
                    self.outcome = Some(outcome);
                    // With it goes its end of what is told.
                    self.call = None;
                }
            }
        }
        if let Some(piece) = self.told.next().await {
            return Ok(Some(piece));
        }
        let result = self.outcome.take().transpose()?;
        Ok(result.map(|raw| format!(r#"{{"result":{raw}}}"#)))
    }
}
