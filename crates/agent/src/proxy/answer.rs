use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Version;
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use super::connection::Held;
use super::headers;

/// A program's answer, as it is.
pub(super) fn of(response: Response<Incoming>, connection: Held) -> Response {
    let mut response = response.map(|body| Body::new(Answer { body, _connection: connection }));
    // Each connection speaks its own.
    *response.version_mut() = Version::HTTP_11;
    headers::pass_on(response.headers_mut());
    response
}

/// The answer that changes the protocol.
pub(super) fn switching(response: Response<Incoming>) -> Response {
    let mut response = response.map(|_| Body::empty());
    headers::pass_on(response.headers_mut());
    response
}

/// Passes bytes both ways until both sides have ended.
pub(super) async fn tunnel(client: OnUpgrade, program: OnUpgrade, _connection: Held) {
    // Where one side has gone meanwhile, the other is closed by being dropped.
    if let Ok((client, program)) = tokio::try_join!(client, program) {
        let _ = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(program)).await;
    }
}

/// A body that closes its connection when it is dropped.
struct Answer {
    body: Incoming,
    _connection: Held,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
