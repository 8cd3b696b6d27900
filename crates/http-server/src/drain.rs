use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

/// How long the rest of a body may take.
const MAX_TIME: Duration = Duration::from_secs(30);
/// How much is read of a body whose length is not known: it may have no end.
const MAX_BYTES_OF_UNKNOWN: usize = 64 * 1024 * 1024;

/// A middleware that reads a request's body to its end before it is answered: most clients, and proxies, send all of it
/// before they read the answer, and would see a broken connection. A body that a handler still reads is left to it.
pub async fn drain_unread_body(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let is_announced = request.headers().contains_key(header::EXPECT);
    let has_length = request.body().size_hint().exact().is_some();
    let max_bytes = if has_length { usize::MAX } else { MAX_BYTES_OF_UNKNOWN };
    let (parts, body) = request.into_parts();
    let (back, mut unread) = oneshot::channel();
    let lent = Lent { body: Some(body), is_on_its_way: !is_announced, back: Some(back) };
    let response = next.run(Request::from_parts(parts, Body::new(lent))).await;
    match unread.try_recv() {
        Ok(body) => drain(body, max_bytes).await,
        Err(oneshot::error::TryRecvError::Closed) => {}
        // It is still read, or passed on to a program that has answered early and stops reading later.
        Err(oneshot::error::TryRecvError::Empty) => {
            tokio::spawn(async move {
                if let Ok(body) = unread.await {
                    drain(body, max_bytes).await;
                }
            });
        }
    }
    response
}

async fn drain(body: Body, max_bytes: usize) {
    let mut body = body.into_data_stream();
    let read_all = async {
        let mut read = 0_usize;
        while let Some(Ok(bytes)) = body.next().await {
            read = read.saturating_add(bytes.len());
            if read > max_bytes {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(MAX_TIME, read_all).await;
}

/// A body that comes back when it is dropped before its end.
struct Lent {
    body: Option<Body>,
    /// A client that asks before it sends a body (`Expect: 100-continue`) has its answer by the response.
    is_on_its_way: bool,
    back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.is_on_its_way = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (true, Some(body), Some(back)) = (self.is_on_its_way, self.body.take(), self.back.take()) {
            // Nobody waits for it if the whole request was given up.
            let _ = back.send(body);
        }
    }
}
