use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt};
use tokio::sync::oneshot;

/// How long the rest of a refused body may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of one is read whose length is not known, in bytes: it may have no end.
const MOST_UNKNOWN: usize = 64 * 1024 * 1024;

/// A layer that reads a refused body to its end: most clients send all of it before they read why it is refused, and
/// without that they would see a broken connection.
pub(super) async fn hear_out(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let most = if request.body().size_hint().exact().is_some() { usize::MAX } else { MOST_UNKNOWN };
    let (parts, body) = request.into_parts();
    let (back, mut rest) = oneshot::channel();
    let lent = Lent { body: Some(body.into_data_stream()), back: Some(back) };
    let response = next.run(Request::from_parts(parts, Body::from_stream(lent))).await;
    if let (false, Ok(mut rest)) = (response.status().is_success(), rest.try_recv()) {
        let all_read = async {
            let mut read = 0;
            while let Some(Ok(bytes)) = rest.next().await {
                read += bytes.len();
                if read > most {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, all_read).await;
    }
    response
}

/// A body that comes back when it is dropped before its end.
struct Lent {
    body: Option<BodyDataStream>,
    back: Option<oneshot::Sender<BodyDataStream>>,
}

impl Stream for Lent {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let next = body.poll_next_unpin(context);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        next
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Nobody waits for it if the whole request was given up.
            let _ = back.send(body);
        }
    }
}
