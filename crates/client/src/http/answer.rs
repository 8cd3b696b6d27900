use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::{Response, Uri};

use super::{Carrier, HttpError, origin_of};

/// An answer whose body is still to be read.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    response: Response<Incoming>,
    at: Uri,
    carrier: Carrier,
}

impl HttpAnswer {
    pub(super) fn new(response: Response<Incoming>, at: Uri, carrier: Carrier) -> Self {
        Self { response, at, carrier }
    }

    /// What it comes on.
    pub(crate) fn carrier(&self) -> Carrier {
        self.carrier.clone()
    }

    /// It stopped before its end: its connection carries no other request.
    pub(crate) fn retire(&self) {
        self.carrier.retire();
    }

    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn is_success(&self) -> bool {
        self.response.status().is_success()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(crate) fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(self.response.headers_mut())
    }

    /// How many bytes its body has, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.response.body().size_hint().exact()
    }

    /// Where it came from, for messages.
    pub(crate) fn origin(&self) -> String {
        origin_of(&self.at)
    }

    /// The next bytes of the body; `None` at the end. A call that is dropped before it is done loses nothing.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        while let Some(frame) = self.response.body_mut().frame().await {
            // What is no data are trailers, which nobody sends.
            if let Ok(bytes) = frame?.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}
