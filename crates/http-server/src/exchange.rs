use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::{Frame, Incoming, SizeHint};
use tower::ServiceExt;

use crate::connections::{Connection, InFlight};
use crate::serve::ServerConfig;

/// Of a request, as an extension: the address of the connection's other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub IpAddr);

/// Of a request, as an extension: the server has as many connections as it may. Only what is quickly answered should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded;

/// One connection's way to the router.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) connection: Arc<Connection>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) router: Router,
    pub(crate) config: ServerConfig,
}

impl Exchange {
    /// Counts the request at once, before more is read of the connection; the future is its answer.
    pub(crate) fn begin(
        self,
        request: Request<Incoming>,
    ) -> impl Future<Output = io::Result<Response<Body>>> + Send + 'static {
        let in_flight = self.connection.begin();
        let (parts, body) = request.into_parts();
        let survives_eof = parts.version <= Version::HTTP_11 && !(self.config.ends_with_client)(&parts);
        if survives_eof {
            self.connection.survive_eof();
        }
        async move {
            let in_flight = in_flight.ok_or_else(|| io::Error::other("the connection is being closed"))?;
            let asked = Asked { body, connection: self.connection.clone() };
            Ok(self.answer(parts, Body::new(asked), in_flight).await)
        }
    }

    async fn answer(self, mut parts: Parts, body: Body, in_flight: InFlight) -> Response<Body> {
        let is_http1 = parts.version <= Version::HTTP_11;
        if let Some(peer) = self.peer {
            parts.extensions.insert(PeerAddr(peer));
        }
        let is_crowded = self.connection.is_crowded;
        if is_crowded {
            parts.extensions.insert(Crowded);
        }
        let Ok(mut response) = self.router.oneshot(Request::from_parts(parts, body)).await;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            in_flight.upgraded();
            return response;
        }
        if is_crowded && is_http1 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.map(|body| Body::new(Answer { body, _in_flight: in_flight }))
    }
}

/// A request's body. One that is cut off fails here, where the end of what the client sends is hidden from hyper.
struct Asked {
    body: Incoming,
    connection: Arc<Connection>,
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending() && self.connection.is_cut_off(cx) {
            let cut_off =
                io::Error::new(ErrorKind::UnexpectedEof, "the client sends no more, and the body is not whole");
            return Poll::Ready(Some(Err(axum::Error::new(cut_off))));
        }
        frame.map_err(axum::Error::new)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body: while it is sent, its request is in flight.
struct Answer {
    body: Body,
    _in_flight: InFlight,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
